// How a call of a Transfer is cut: which copies go straight, and which pieces share which staged chunk. Decides only;
// touches no memory of the copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "flowstate/device/transfer.h"

namespace flowstate::device {

struct Piece {
  std::uint8_t* device = nullptr;
  std::uint8_t* host = nullptr;  // never written to where it is the source
  std::size_t bytes = 0;
  std::size_t offset = 0;  // in its chunk
  bool joins = false;      // one device copy with the piece before it, gap included
};

struct Chunk {
  std::size_t first_piece = 0;
  std::size_t pieces = 0;
};

struct TransferPlan {
  std::vector<Piece> direct;
  std::vector<Piece> staged;  // in the order of `chunks`
  std::vector<Chunk> chunks;
  std::uint64_t pageable_bytes = 0;
  std::uint64_t pinned_bytes = 0;
  std::uint64_t registered_bytes = 0;
};

// Throws ARG_RANGE for null memory. Complexity: copies + chunks.
TransferPlan plan_transfer(const Device& device, Direction direction, std::span<const Copy> copies,
                           const Transfer::Options& options);

}  // namespace flowstate::device

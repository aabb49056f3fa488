#include "device/transfer_plan.h"

#include <algorithm>
#include <string>

namespace flowstate::device {
namespace {

// Where copies that cannot share a device copy start in a chunk: a cache line, so that memcpy meets it aligned.
constexpr std::size_t kChunkAlignment = 64;
// A transfer of few chunks is cut finer, so that staging and wire overlap, but not below this: then the cost per chunk
// (an event, a wake-up) shows.
constexpr std::size_t kSmallestChunk = std::size_t{64} << 10;

constexpr std::size_t round_up(std::size_t value, std::size_t to) noexcept {
  return (value + to - 1) / to * to;
}

Piece piece_of(const Copy& copy, Direction direction) noexcept {
  auto* const target = static_cast<std::uint8_t*>(copy.target);
  auto* const source = const_cast<std::uint8_t*>(static_cast<const std::uint8_t*>(copy.source));
  const bool to_device = direction == Direction::kToDevice;
  return {to_device ? target : source, to_device ? source : target, copy.bytes, 0, false};
}

// A range that begins in pinned memory and ends elsewhere is nobody's promise: it is staged.
HostMemoryKind kind_of(const Device& device, const Piece& piece) {
  const HostMemoryKind first = device.kind_of_host_memory(piece.host);
  if (first == HostMemoryKind::kPageable) return first;
  const HostMemoryKind last = device.kind_of_host_memory(piece.host + piece.bytes - 1);
  return first == last ? first : HostMemoryKind::kPageable;
}

void add_direct(std::vector<Piece>& direct, Piece piece, const Transfer::Options& options) {
  if (!direct.empty()) {
    Piece& before = direct.back();
    if (before.bytes + piece.bytes <= options.chunk_bytes && before.host + before.bytes == piece.host &&
        before.device + before.bytes == piece.device) {
      before.bytes += piece.bytes;
      return;
    }
  }
  const std::size_t share = round_up(piece.bytes / static_cast<std::size_t>(options.streams) + 1, kPageBytes);
  const std::size_t most = std::max(share, options.chunk_bytes);
  while (piece.bytes > 0) {
    const std::size_t bytes = std::min(piece.bytes, most);
    direct.push_back({piece.device, piece.host, bytes, 0, false});
    piece.device += bytes;
    piece.host += bytes;
    piece.bytes -= bytes;
  }
}

class Packer {
 public:
  Packer(TransferPlan& plan, std::size_t chunk_bytes) : plan_(plan), chunk_bytes_(chunk_bytes) {}

  void add(Piece piece, std::size_t padding) {
    bool joins = false;
    std::size_t offset = round_up(used_, kChunkAlignment);
    if (!plan_.chunks.empty()) {
      const Piece& before = plan_.staged.back();
      const std::uint8_t* const end = before.device + before.bytes;
      if (piece.device >= end && static_cast<std::size_t>(piece.device - end) <= padding_) {
        joins = true;
        offset = used_ + static_cast<std::size_t>(piece.device - end);
      }
    }
    while (piece.bytes > 0) {
      if (plan_.chunks.empty() || offset >= chunk_bytes_) {
        plan_.chunks.push_back({plan_.staged.size(), 0});
        offset = 0;
        joins = false;
      }
      const std::size_t bytes = std::min(piece.bytes, chunk_bytes_ - offset);
      plan_.staged.push_back({piece.device, piece.host, bytes, offset, joins});
      ++plan_.chunks.back().pieces;
      piece.device += bytes;
      piece.host += bytes;
      piece.bytes -= bytes;
      used_ = offset += bytes;
    }
    padding_ = padding;
  }

 private:
  TransferPlan& plan_;
  const std::size_t chunk_bytes_;
  std::size_t used_ = 0;
  std::size_t padding_ = 0;
};

}  // namespace

TransferPlan plan_transfer(const Device& device, Direction direction, std::span<const Copy> copies,
                           const Transfer::Options& options) {
  TransferPlan plan;
  std::vector<std::size_t> pageable;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    const Piece piece = piece_of(copies[i], direction);
    if (piece.bytes == 0) continue;
    if (piece.device == nullptr || piece.host == nullptr) {
      throw Error(ErrorCode::ARG_RANGE, "copy " + std::to_string(i) + " of " + std::to_string(piece.bytes) +
                                            " bytes has null memory on a side");
    }
    switch (kind_of(device, piece)) {
      case HostMemoryKind::kPageable:
        plan.pageable_bytes += piece.bytes;
        pageable.push_back(i);
        continue;
      case HostMemoryKind::kPinned:
        plan.pinned_bytes += piece.bytes;
        break;
      case HostMemoryKind::kRegistered:
        plan.registered_bytes += piece.bytes;
        break;
    }
    add_direct(plan.direct, piece, options);
  }
  const std::size_t share = plan.pageable_bytes / (4 * static_cast<std::size_t>(options.streams));
  const std::size_t chunk_bytes =
      std::min(options.chunk_bytes, std::max(kSmallestChunk, round_up(share, kPageBytes)));
  Packer packer(plan, chunk_bytes);
  for (const std::size_t i : pageable) packer.add(piece_of(copies[i], direction), copies[i].padding);
  return plan;
}

}  // namespace flowstate::device

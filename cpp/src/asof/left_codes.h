// The left side's codes: in an array, or computed block by block by whoever is about to use them, so that the pass
// over the left reads its keys while it needs them and the codes never leave the first-level cache.
#pragma once

#include <memory>
#include <vector>

#include "coder.h"

namespace flowstate::asof {

// Key values of a column: itself, or its dictionaries.
std::vector<Leaf> leaves_of(const KeyColumn& key, bool scaled, bool unchecked);

// Dictionary indices to codes by `maps`, one map per dictionary. Rows [begin, begin + count) of a piece.
void remap_block(const Column& column, const std::vector<std::vector<std::int32_t>>& maps, const Piece& piece,
                 std::int64_t begin, std::int64_t count, std::int32_t null_code, std::int32_t* out) noexcept;

class LeftCodes {
 public:
  LeftCodes() = default;
  explicit LeftCodes(Buffer codes) : codes_(std::move(codes)), ready_(true) {}
  // From one key column, by a sealed coder. The column is borrowed; its row checks are made on reading where it is
  // `unchecked`. Reads the column's dictionaries at once.
  LeftCodes(const Context& context, std::shared_ptr<const Coder> coder, const KeyColumn& key, Codes codes,
            bool unchecked);

  // These rows (1: dead) match nothing, whatever their keys. Borrowed; empty: none.
  void kill(const std::vector<std::uint8_t>& dead);

  // Rows [begin, begin + count). Any thread. Throws CORRUPT where a row check fails.
  void read(std::int64_t begin, std::int64_t count, std::int32_t* out) const;

  // All rows as an array; computed once, not thread-safe.
  const std::int32_t* all(const Context& context);

 private:
  struct Run {
    std::int64_t first;
    const Chunk* chunk;
  };
  void compute(std::int64_t begin, std::int64_t count, std::int32_t* out) const;

  Buffer codes_;
  bool ready_ = false;
  std::shared_ptr<const Coder> coder_;
  const Column* column_ = nullptr;
  Codes special_{};
  bool unchecked_ = false;
  std::vector<Run> runs_;  // chunks that have rows
  std::int64_t rows_ = 0;
  std::vector<Leaf> leaves_;
  std::vector<std::vector<std::int32_t>> maps_;  // dictionary columns: codes of their values
  const std::vector<std::uint8_t>* dead_ = nullptr;
};

}  // namespace flowstate::asof

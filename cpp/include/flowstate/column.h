// Borrowed views of Arrow columns. Nothing here owns memory: whoever builds a Column keeps its buffers alive
// and unchanged until the call that takes it has settled.
//
// `values` and `offsets` point at the chunk's first logical row (slices are already applied); bitmaps cannot
// be cut at a bit, so `bit_offset` says where the first logical row lies in `validity` and, for kBool, in
// `values`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flowstate {

// Physical layout, not meaning: a timestamp is kInt64, a date32 kInt32, a decimal kFixed. The numbers are
// shared with lib/internal/native.ts (NativeType); a test compares the two lists.
enum class ColumnType : std::uint8_t {
  kInt8 = 0,
  kInt16 = 1,
  kInt32 = 2,
  kInt64 = 3,
  kUInt8 = 4,
  kUInt16 = 5,
  kUInt32 = 6,
  kUInt64 = 7,
  kFloat16 = 8,
  kFloat32 = 9,
  kFloat64 = 10,
  kBool = 11,        // one bit per row
  kBytes32 = 12,     // utf8, binary: int32 offsets
  kBytes64 = 13,     // large utf8, large binary: int64 offsets
  kFixed = 14,       // `width` bytes per row: decimals, fixed size binary, intervals
  kDictionary = 15,  // `index_type` indices into dictionaries[chunk.dictionary]
};

// Bytes per row of a fixed-width type; 0 for kBool, kBytes32, kBytes64, kFixed and kDictionary.
int byte_width(ColumnType type) noexcept;

struct Chunk {
  const std::uint8_t* values = nullptr;
  const void* offsets = nullptr;           // kBytes32: int32_t*, kBytes64: int64_t*; length + 1 entries
  const std::uint8_t* validity = nullptr;  // null: every row valid
  std::int64_t bit_offset = 0;
  std::int64_t length = 0;
  std::int64_t values_bytes = 0;  // bytes readable at `values`, for the safety re-check
  std::int32_t dictionary = -1;   // index into Column::dictionaries
};

struct Column {
  ColumnType type = ColumnType::kInt64;
  ColumnType index_type = ColumnType::kInt32;  // kDictionary only
  std::int32_t width = 8;                      // bytes per row where fixed
  std::vector<Chunk> chunks;
  std::vector<Column> dictionaries;
  std::string name;  // as errors should say it: "left.timestamp"

  std::int64_t rows() const noexcept {
    std::int64_t n = 0;
    for (const Chunk& chunk : chunks) n += chunk.length;
    return n;
  }
};

// Re-checks what a corrupt file or a wrong caller could have broken: buffer lengths against row counts,
// offsets non-negative, ascending and inside the data, dictionary indices inside their dictionary (null rows
// excepted). Throws Error LENGTH or CORRUPT naming the column and row. O(rows) for offsets and indices,
// O(chunks) otherwise.
void check_column(const Column& column);

}  // namespace flowstate

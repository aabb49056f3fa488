// The memory-safety re-check of borrowed columns. Row loops first ask "is anything wrong?" without branches, and
// look for the row to name only when something is.
#include "flowstate/column.h"

#include <cstdint>
#include <string>

#include "column_check.h"
#include "flowstate/error.h"
#include "prefetch.h"
#include "simd.h"

namespace flowstate {
namespace {

[[noreturn]] void fail(ErrorCode code, const Column& column, const std::string& what,
                       std::vector<Error::Detail> details = {}) {
  throw Error(code, (column.name.empty() ? std::string("column") : column.name) + ": " + what,
              std::move(details));
}

bool valid_at(const Chunk& chunk, std::int64_t row) noexcept {
  if (chunk.validity == nullptr) return true;
  const std::int64_t bit = chunk.bit_offset + row;
  return (chunk.validity[bit >> 3] >> (bit & 7)) & 1;
}

void check_bytes_for(const Column& column, const Chunk& chunk, std::int64_t width) {
  if (chunk.length == 0) return;
  if (width > 0 && (chunk.values == nullptr || chunk.values_bytes / width < chunk.length)) {
    fail(ErrorCode::LENGTH, column,
         std::to_string(chunk.length) + " rows of " + std::to_string(width) + " bytes need more than the " +
             std::to_string(chunk.values_bytes) + " bytes given",
         {{"rows", chunk.length}, {"bytes", chunk.values_bytes}});
  }
}

template <typename Offset>
void check_offset_bounds(const Column& column, const Chunk& chunk) {
  if (chunk.length == 0) return;
  if (chunk.offsets == nullptr) fail(ErrorCode::LENGTH, column, "the offsets buffer is missing");
  const auto* offsets = static_cast<const Offset*>(chunk.offsets);
  const auto first = static_cast<std::int64_t>(offsets[0]);
  const auto last = static_cast<std::int64_t>(offsets[chunk.length]);
  if (first < 0) fail(ErrorCode::CORRUPT, column, "the first offset is negative", {{"row", 0}});
  if (last > chunk.values_bytes || (last > 0 && chunk.values == nullptr)) {
    fail(ErrorCode::CORRUPT, column,
         "offsets end at byte " + std::to_string(last) + " of " + std::to_string(chunk.values_bytes),
         {{"offset", last}, {"bytes", chunk.values_bytes}});
  }
}

FS_SIMD_CLONES int descends(const std::int32_t* offsets, std::int64_t begin, std::int64_t end) noexcept {
  int bad = 0;
  std::int64_t i = begin;
  for (; i + 64 <= end; i += 64) {
    for (std::int64_t k = 0; k < 64; k += kCacheLine / static_cast<std::int64_t>(sizeof(*offsets))) {
      prefetch_read(offsets + i + k, kPrefetchAhead);
    }
    for (std::int64_t k = i; k < i + 64; ++k) bad |= static_cast<int>(offsets[k + 1] < offsets[k]);
  }
  for (; i < end; ++i) bad |= static_cast<int>(offsets[i + 1] < offsets[i]);
  return bad;
}

FS_SIMD_CLONES int descends(const std::int64_t* offsets, std::int64_t begin, std::int64_t end) noexcept {
  int bad = 0;
  std::int64_t i = begin;
  for (; i + 64 <= end; i += 64) {
    for (std::int64_t k = 0; k < 64; k += kCacheLine / static_cast<std::int64_t>(sizeof(*offsets))) {
      prefetch_read(offsets + i + k, kPrefetchAhead);
    }
    for (std::int64_t k = i; k < i + 64; ++k) bad |= static_cast<int>(offsets[k + 1] < offsets[k]);
  }
  for (; i < end; ++i) bad |= static_cast<int>(offsets[i + 1] < offsets[i]);
  return bad;
}

template <typename Offset>
void check_offsets_ascend(const Column& column, const Chunk& chunk, std::int64_t first_row,
                          std::int64_t begin, std::int64_t end) {
  const auto* offsets = static_cast<const Offset*>(chunk.offsets);
  if (descends(offsets, begin, end) == 0) return;
  for (std::int64_t i = begin; i < end; ++i) {
    if (offsets[i + 1] < offsets[i]) {
      fail(ErrorCode::CORRUPT, column,
           "offsets must ascend; row " + std::to_string(first_row + i) + " ends before it begins",
           {{"row", first_row + i}});
    }
  }
}

template <typename Index>
void check_indices(const Column& column, const Chunk& chunk, std::int64_t first_row, std::int64_t begin,
                   std::int64_t end, std::int64_t size) {
  // A negative index becomes a huge unsigned one. Signed indices are widened first, so that a dictionary longer
  // than the index type can count is not a problem.
  const auto* indices = reinterpret_cast<const Index*>(chunk.values);
  const auto limit = static_cast<std::uint64_t>(size);
  int bad = 0;
  if (limit <= UINT32_MAX && sizeof(Index) <= 4) {
    const auto narrow = static_cast<std::uint32_t>(limit);
    for (std::int64_t i = begin; i < end; ++i) {
      bad |= static_cast<int>(static_cast<std::uint32_t>(static_cast<std::int32_t>(indices[i])) >= narrow);
    }
  } else {
    for (std::int64_t i = begin; i < end; ++i) {
      bad |= static_cast<int>(static_cast<std::uint64_t>(static_cast<std::int64_t>(indices[i])) >= limit);
    }
  }
  if (bad == 0) return;
  for (std::int64_t i = begin; i < end; ++i) {
    if (static_cast<std::uint64_t>(static_cast<std::int64_t>(indices[i])) >= limit && valid_at(chunk, i)) {
      fail(ErrorCode::CORRUPT, column,
           "row " + std::to_string(first_row + i) + " has dictionary index " +
               std::to_string(static_cast<std::int64_t>(indices[i])) + ", but the dictionary has " +
               std::to_string(size) + " values",
           {{"row", first_row + i}, {"index", static_cast<std::int64_t>(indices[i])}, {"size", size}});
    }
  }
}

bool is_index_type(ColumnType type) noexcept {
  return static_cast<int>(type) <= static_cast<int>(ColumnType::kUInt64);
}

}  // namespace

int byte_width(ColumnType type) noexcept {
  switch (type) {
    case ColumnType::kInt8:
    case ColumnType::kUInt8:
      return 1;
    case ColumnType::kInt16:
    case ColumnType::kUInt16:
    case ColumnType::kFloat16:
      return 2;
    case ColumnType::kInt32:
    case ColumnType::kUInt32:
    case ColumnType::kFloat32:
      return 4;
    case ColumnType::kInt64:
    case ColumnType::kUInt64:
    case ColumnType::kFloat64:
      return 8;
    case ColumnType::kBool:
    case ColumnType::kBytes32:
    case ColumnType::kBytes64:
    case ColumnType::kFixed:
    case ColumnType::kDictionary:
      return 0;
  }
  return 0;
}

void check_column_shape(const Column& column) {
  for (const Chunk& chunk : column.chunks) {
    if (chunk.length < 0 || chunk.bit_offset < 0 || chunk.values_bytes < 0) {
      fail(ErrorCode::LENGTH, column, "a chunk has a negative length");
    }
    // values_bytes is what later code takes as readable, so it must not promise anything without a buffer.
    if (chunk.values == nullptr && chunk.values_bytes > 0) {
      fail(ErrorCode::LENGTH, column, "the values buffer is missing", {{"bytes", chunk.values_bytes}});
    }
    switch (column.type) {
      case ColumnType::kBool:
        if (chunk.length > 0 &&
            (chunk.values == nullptr || (chunk.values_bytes < (INT64_MAX >> 3) &&
                                         chunk.values_bytes * 8 - chunk.bit_offset < chunk.length))) {
          fail(ErrorCode::LENGTH, column, "the bitmap is shorter than its rows", {{"rows", chunk.length}});
        }
        break;
      case ColumnType::kBytes32:
        check_offset_bounds<std::int32_t>(column, chunk);
        break;
      case ColumnType::kBytes64:
        check_offset_bounds<std::int64_t>(column, chunk);
        break;
      case ColumnType::kFixed:
        if (column.width < 0) fail(ErrorCode::LENGTH, column, "the width is negative");
        check_bytes_for(column, chunk, column.width);
        break;
      case ColumnType::kDictionary: {
        if (!is_index_type(column.index_type)) fail(ErrorCode::CORRUPT, column, "indices must be integers");
        check_bytes_for(column, chunk, byte_width(column.index_type));
        const auto dictionaries = static_cast<std::int64_t>(column.dictionaries.size());
        if (chunk.dictionary >= dictionaries || chunk.dictionary < -1) {
          fail(ErrorCode::CORRUPT, column, "a chunk names a dictionary that does not exist",
               {{"dictionary", chunk.dictionary}});
        }
        break;
      }
      default:
        if (byte_width(column.type) == 0) fail(ErrorCode::CORRUPT, column, "unknown column type");
        check_bytes_for(column, chunk, byte_width(column.type));
    }
  }
  if (column.type == ColumnType::kDictionary) {
    for (const Column& dictionary : column.dictionaries) {
      if (dictionary.type == ColumnType::kDictionary)
        fail(ErrorCode::CORRUPT, column, "a dictionary of dictionaries");
      check_column(dictionary);
    }
  }
}

void check_chunk_rows(const Column& column, const Chunk& chunk, std::int64_t first_row, std::int64_t begin,
                      std::int64_t end) {
  if (begin >= end) return;
  if (column.type == ColumnType::kBytes32) {
    check_offsets_ascend<std::int32_t>(column, chunk, first_row, begin, end);
  } else if (column.type == ColumnType::kBytes64) {
    check_offsets_ascend<std::int64_t>(column, chunk, first_row, begin, end);
  } else if (column.type == ColumnType::kDictionary) {
    const std::int64_t size =
        chunk.dictionary < 0 ? 0 : column.dictionaries[static_cast<std::size_t>(chunk.dictionary)].rows();
    switch (column.index_type) {
      case ColumnType::kInt8:
        return check_indices<std::int8_t>(column, chunk, first_row, begin, end, size);
      case ColumnType::kInt16:
        return check_indices<std::int16_t>(column, chunk, first_row, begin, end, size);
      case ColumnType::kInt32:
        return check_indices<std::int32_t>(column, chunk, first_row, begin, end, size);
      case ColumnType::kInt64:
        return check_indices<std::int64_t>(column, chunk, first_row, begin, end, size);
      case ColumnType::kUInt8:
        return check_indices<std::uint8_t>(column, chunk, first_row, begin, end, size);
      case ColumnType::kUInt16:
        return check_indices<std::uint16_t>(column, chunk, first_row, begin, end, size);
      case ColumnType::kUInt32:
        return check_indices<std::uint32_t>(column, chunk, first_row, begin, end, size);
      default:
        return check_indices<std::uint64_t>(column, chunk, first_row, begin, end, size);
    }
  }
}

void check_column(const Column& column) {
  check_column_shape(column);
  if (!has_row_checks(column)) return;
  std::int64_t first_row = 0;
  for (const Chunk& chunk : column.chunks) {
    check_chunk_rows(column, chunk, first_row, 0, chunk.length);
    first_row += chunk.length;
  }
}

}  // namespace flowstate

// check_column in pieces, so that a join can spread the row checks over its threads.
#pragma once

#include <cstdint>

#include "flowstate/column.h"

namespace flowstate {

// Buffers against row counts, dictionaries included (these are checked whole). O(chunks) plus the dictionaries.
void check_column_shape(const Column& column);

// Whether rows of this type need a look each: offsets and dictionary indices do.
inline bool has_row_checks(const Column& column) noexcept {
  return column.type == ColumnType::kBytes32 || column.type == ColumnType::kBytes64 ||
         column.type == ColumnType::kDictionary;
}

// Rows [begin, end) of one chunk; `first_row` is the chunk's first row within the column, for messages.
void check_chunk_rows(const Column& column, const Chunk& chunk, std::int64_t first_row, std::int64_t begin,
                      std::int64_t end);

}  // namespace flowstate

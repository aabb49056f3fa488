// Dense key codes. The distinct values of the right sides define the codes; a left value that no right side has is
// dead at once. All streams that share a left side share one set of codes, so its keys are read and hashed once.
//
// Codes are numbered in an order that depends on the input and the number of threads; nothing may depend on it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flowstate/memory/buffer.h"
#include "left_codes.h"

namespace flowstate::asof {

struct KeyCodes {
  std::int32_t groups = kFirstKey;  // codes are below this
  LeftCodes left;
  std::vector<Buffer> right;  // int32 per right row, one per stream
  std::string how;            // "direct", "range", "hash": how the last column was coded, for explain
};

// Codes of one left side and the right sides that join it; every side has the same number (> 0) of key columns.
// Only the right sides are read here, and the left where there are several columns. O(rows) expected. Throws SCHEMA
// when bytes meet numbers; in a trusting join CORRUPT where a row check fails. The left columns are borrowed.
KeyCodes encode_keys(const Context& context, const std::vector<KeyColumn>& left, std::int64_t left_rows,
                     const std::vector<const std::vector<KeyColumn>*>& rights,
                     const std::vector<std::int64_t>& right_rows, bool null_keys_equal);

// One side's keys coded among themselves (raw values, no scale): what "within each key" means for one side alone.
KeyCodes encode_side(const Context& context, const std::vector<KeyColumn>& keys, std::int64_t rows,
                     bool null_keys_equal);

}  // namespace flowstate::asof

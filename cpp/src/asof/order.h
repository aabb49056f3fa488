// Putting rows in order: a stable radix sort by time, a stable counting sort by key code, and the search for the
// first row that breaks the order its caller promised.
#pragma once

#include <cstdint>
#include <vector>

#include "context.h"
#include "flowstate/memory/buffer.h"
#include "times.h"

namespace flowstate::asof {

// Rows in some order, as arrays in that order. `row` null: identity.
struct Ordered {
  Buffer t_owned;
  Buffer row_owned;
  Buffer code_owned;
  const std::int64_t* t = nullptr;
  const std::int32_t* row = nullptr;
  const std::int32_t* code = nullptr;  // null: one key
  std::int64_t count = 0;
  std::vector<std::int64_t> starts;  // by code, groups + 1 entries; only from order_by_group
};

Ordered as_is(const std::int64_t* t, const std::int32_t* code, std::int64_t count);

// Stable: equal times keep their order. O(n * bytes of the time range), parallel.
Ordered order_by_time(const Context& context, const std::int64_t* t, const std::int32_t* code,
                      std::int64_t count);

// By code, within a code by time, both stable. O(n) where rows of a key already ascend, else a sort per key.
Ordered order_by_group(const Context& context, const std::int64_t* t, const std::int32_t* code,
                       std::int64_t count, std::int32_t groups);

// Of a side that should ascend: what messages say of it. `side` is 0 for the left, 1 for the right.
struct OrderedSide {
  std::string name;
  std::string unit;
  bool is_float = false;
  bool keyed = false;
  int side = 0;
};

// UNSORTED: row `row` at time `t` is earlier than row `before`.
Error out_of_order(const OrderedSide& side, std::int64_t row, std::int64_t t, std::int64_t before,
                   std::int64_t t_before);

// Throws UNSORTED for the first live row that is earlier than the live row before it of the same key. `codes` may
// be null (one key); rows whose code is below kFirstKey are not looked at.
void demand_order(const Times& times, const std::int32_t* codes, std::int32_t groups, bool keyed, int side);

}  // namespace flowstate::asof

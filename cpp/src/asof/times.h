// Time columns as one int64 per row whose order is the order of time, whatever the column was:
//   signed integers and temporal columns   value * scale
//   unsigned (all columns of the join)     value * scale - 2^63: order and u64 distances hold
//   floats                                 the bits of the double, negative ones mirrored; -0 is 0
// Dead rows (null, NaN) carry the time of the row before, so that they never break the order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "context.h"
#include "flowstate/functors/clock.h"
#include "flowstate/memory/buffer.h"

namespace flowstate::asof {

enum class TimeKind : std::uint8_t { kSigned, kUnsigned, kFloat };

struct Times {
  const std::int64_t* t = nullptr;  // borrowed from the column where no conversion was needed
  std::int64_t count = 0;
  TimeKind kind = TimeKind::kSigned;
  std::vector<std::uint8_t> dead;  // 1: null or NaN; empty when no row is
  bool ascending = true;
  bool settled = true;  // false: `ascending` is what a sample of the rows says
  Buffer owned;
  std::string name;
  std::string unit;
};

// The representation that holds every one of these columns.
TimeKind time_kind(const std::vector<const TimeColumn*>& columns);

// Throws Error OVERFLOW. O(n), parallel; sets `ascending`. With `sample` the order of a column that needs no
// conversion may be left to settle_order, or to whoever reads all rows anyway: O(1) then.
Times read_times(const Context& context, const TimeColumn& column, TimeKind kind, bool sample = false);

// The same for one batch on the calling thread, without a look at the order: out[i] and dead[i] (1: null or NaN) for
// every row; dead rows get 0. Returns whether any row is dead. Throws Error OVERFLOW, SCHEMA.
bool read_times_into(const TimeColumn& column, TimeKind kind, std::int64_t* out, std::uint8_t* dead);

// Makes `ascending` the truth.
void settle_order(const Context& context, Times& times);

// Whether rows [begin, end) ascend, and from the row before them.
bool ascends_from(const std::int64_t* t, std::int64_t begin, std::int64_t end) noexcept;

using functors::from_ordered_bits;
using functors::ordered_bits;

double half_to_double(std::uint16_t half) noexcept;

// Whether t[0..count) ascends. O(n), parallel.
bool ascends(const Context& context, const std::int64_t* t, std::int64_t count);

}  // namespace flowstate::asof

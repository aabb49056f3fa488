#include "device/row_demand.h"

#include <bit>
#include <vector>

#include "asof/order.h"
#include "device/first_row.h"
#include "flowstate/device/asof_join.h"

namespace flowstate::device {

namespace {

// Codes of a side by itself, and whether a row has one at all.
struct OwnCodes {
  Array<std::int32_t> owned;
  const std::int32_t* code = nullptr;  // null: one key, and every row has a time
  std::int32_t groups = functors::kFirstLiveCode + 1;
};

OwnCodes code_alone(JoinWork& work, const DemandedSide& demanded) {
  OwnCodes codes;
  if (demanded.code != nullptr) {
    codes.code = demanded.code;
    codes.groups = demanded.groups;
    return codes;
  }
  if (demanded.keys.empty() && demanded.times.dead == nullptr) return codes;
  codes.owned = work.array<std::int32_t>(demanded.times.rows);
  codes.code = codes.owned.data();
  const bool keyed = !demanded.keys.empty();
  if (keyed) {
    // What the other side can equal does not matter.
    std::vector<KeyInput> plain = demanded.keys;
    for (KeyInput& key : plain) {
      key.scale = 1;
      key.unsigned_foreign = false;
      key.known = key.numbers;
    }
    const KeyCoder coder(work, plain, demanded.times.rows, demanded.nulls_equal, kDeadLeftCode,
                         codes.owned.data());
    codes.groups = coder.groups();
  }
  mark_dead(work, demanded.times, keyed ? codes.code : nullptr, kDeadLeftCode, codes.owned.data());
  return codes;
}

}  // namespace

void demand_ascending(JoinWork& work, const DemandedSide& demanded) {
  const TimeColumn& times = demanded.times;
  if (times.rows < 2) return;
  const std::size_t rows = times.rows;
  const OwnCodes codes = code_alone(work, demanded);
  Array<std::int32_t> grouped;
  Array<std::uint32_t> row;
  if (codes.code != nullptr) {
    grouped = work.array<std::int32_t>(rows);
    row = work.array<std::uint32_t>(rows);
    const auto place = work.array<std::uint32_t>(rows);
    work.stream().for_each(rows, functors::IotaElement{place.data()});
    const int bits = std::bit_width(static_cast<std::uint32_t>(codes.groups));
    work.stream().sort_pairs({codes.code, grouped.data(), place.data(), row.data(), rows, 4, bits});
  }
  const FirstRow first(work);
  work.stream().for_each(rows,
                         functors::GroupDescentElement{times.t, grouped.data(), row.data(), first.cell()});
  work.end_phase("demand order", rows * (codes.code == nullptr ? 16 : 48));
  const auto found = first.read(work);
  if (!found) return;
  const auto at = static_cast<std::int64_t>(*found >> 32);
  const auto before = static_cast<std::int64_t>(*found & 0xFFFFFFFFu);
  const bool is_float = demanded.domain == functors::TimeDomain::kFloat;
  throw asof::out_of_order(
      {demanded.input.name, demanded.input.unit, is_float, !demanded.keys.empty(), demanded.side}, at,
      work.read(times.t + at), before, work.read(times.t + before));
}

void mark_dead(JoinWork& work, const TimeColumn& times, const std::int32_t* from, std::int32_t dead_code,
               std::int32_t* code) {
  if (from == code && times.dead == nullptr) return;
  work.stream().for_each(times.rows, functors::LiveCodeElement{from, times.dead, dead_code, code});
}

}  // namespace flowstate::device

#include "device/row_demand.h"

#include <bit>

#include "asof/order.h"
#include "device/first_row.h"

namespace flowstate::device {

void demand_ascending(JoinWork& work, const TimeInput& input, const TimeColumn& times,
                      const std::int32_t* code, std::int32_t groups, bool keyed, functors::TimeDomain domain,
                      int side) {
  if (times.rows < 2) return;
  const std::size_t rows = times.rows;
  Array<std::int32_t> grouped;
  Array<std::uint32_t> row;
  if (code != nullptr) {
    grouped = work.array<std::int32_t>(rows);
    row = work.array<std::uint32_t>(rows);
    const auto place = work.array<std::uint32_t>(rows);
    work.stream().for_each(rows, functors::IotaElement{place.data()});
    const int bits = std::bit_width(static_cast<std::uint32_t>(groups));
    work.stream().sort_pairs({code, grouped.data(), place.data(), row.data(), rows, 4, bits});
  }
  const FirstRow first(work);
  work.stream().for_each(rows,
                         functors::GroupDescentElement{times.t, grouped.data(), row.data(), first.cell()});
  work.end_phase("demand order", rows * (code == nullptr ? 16 : 48));
  const auto found = first.read(work);
  if (!found) return;
  const auto at = static_cast<std::int64_t>(*found >> 32);
  const auto before = static_cast<std::int64_t>(*found & 0xFFFFFFFFu);
  throw asof::out_of_order({input.name, input.unit, domain == functors::TimeDomain::kFloat, keyed, side}, at,
                           work.read(times.t + at), before, work.read(times.t + before));
}

void mark_dead(JoinWork& work, const TimeColumn& times, const std::int32_t* from, std::int32_t dead_code,
               std::int32_t* code) {
  if (from == code && times.dead == nullptr) return;
  work.stream().for_each(times.rows, functors::LiveCodeElement{from, times.dead, dead_code, code});
}

}  // namespace flowstate::device

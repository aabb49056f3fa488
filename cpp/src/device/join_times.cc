#include "device/first_row.h"
#include "flowstate/device/join_columns.h"

namespace flowstate::device {

using functors::TimeDomain;

bool may_lack_times(const TimeInput& input, TimeDomain domain) noexcept {
  return domain == TimeDomain::kFloat || input.cells.validity != nullptr;
}

TimeColumn read_times(JoinWork& work, const TimeInput& input, TimeDomain domain) {
  if (functors::is_float(input.cells.type) != (domain == TimeDomain::kFloat)) {
    throw Error(ErrorCode::SCHEMA, input.name + ": float and integer times cannot be joined");
  }
  if (input.scale < 1) throw Error(ErrorCode::ARG_RANGE, input.name + ": a scale must be 1 or more");
  TimeColumn times;
  times.rows = input.rows;
  const bool may_lack = may_lack_times(input, domain);
  if (input.cells.type == ColumnType::kInt64 && domain == TimeDomain::kSigned && input.scale == 1 &&
      !may_lack) {
    times.t = static_cast<const std::int64_t*>(input.cells.values);
    return times;
  }
  times.t_owned = work.array<std::int64_t>(input.rows);
  if (may_lack) times.dead_owned = work.array<std::uint8_t>(input.rows);
  times.t = times.t_owned.data();
  times.dead = may_lack ? times.dead_owned.data() : nullptr;
  const FirstRow too_large(work);
  work.stream().for_each(
      input.rows, functors::TimeElement{input.cells, functors::Scale::of(input.scale), domain,
                                        times.t_owned.data(), times.dead_owned.data(), too_large.cell()});
  work.end_phase("read times", std::size_t{input.rows} * 16);
  if (const auto row = too_large.read(work)) {
    throw Error(ErrorCode::OVERFLOW,
                input.name + ": the time of row " + std::to_string(*row) + " does not fit 64 bits" +
                    (input.unit.empty() ? std::string() : " in " + input.unit),
                {{"row", static_cast<std::int64_t>(*row)}});
  }
  return times;
}

}  // namespace flowstate::device

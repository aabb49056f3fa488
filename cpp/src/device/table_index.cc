#include "device/row_demand.h"
#include "flowstate/device/table_join.h"

namespace flowstate::device {

TableIndex::TableIndex(JoinWork& work, const RightInput& right) {
  times_ = read_times(work, right.time, right.domain);
  std::optional<TimeColumn> known;
  if (right.known) known = read_times(work, *right.known, right.domain);
  const std::uint32_t rows = times_.rows;
  if (!right.keys.empty() || right.coded) code_ = work.array<std::int32_t>(rows);
  std::int32_t groups = functors::kFirstLiveCode + 1;
  if (!right.keys.empty()) {
    coder_.emplace(work, right.keys, rows, right.nulls_equal, false, kDeadRightCode, code_.data());
    groups = coder_->groups();
    mark_dead(work, times_, code_.data(), kDeadRightCode, code_.data());
  } else if (right.coded) {
    mark_dead(work, times_, nullptr, kDeadRightCode, code_.data());
  }
  const std::int32_t* code = code_.data();
  const bool has_lag = right.domain == functors::TimeDomain::kFloat ? right.lag_float > 0 : right.lag > 0;
  if (has_lag || known) {
    if (!code_) throw Error(ErrorCode::INTERNAL, "rows that are seen later need codes");
    seen_code_ = work.array<std::int32_t>(rows);
    seen_ = work.array<std::int64_t>(rows);
    work.stream().copy_on_device(seen_code_.data(), code_.data(), code_.bytes());
    work.stream().for_each(
        rows, functors::SeenElement{times_.t, known ? known->t : nullptr, known ? known->dead : nullptr,
                                    right.domain == functors::TimeDomain::kFloat, has_lag, right.lag,
                                    right.lag_float, seen_code_.data(), seen_.data()});
    code = seen_code_.data();
  }
  index_.emplace(work, JoinRows{times_.t, code, rows}, seen_ ? seen_.data() : nullptr, groups);
}

void TableIndex::demand_order(JoinWork& work, const RightInput& right) const {
  const std::int32_t groups = coder_ ? coder_->groups() : functors::kFirstLiveCode + 1;
  demand_ascending(work, right.time, times_, code_.data(), groups, coder_.has_value(), right.domain, 1);
}

std::size_t TableIndex::bytes() const noexcept {
  return times_.t_owned.bytes() + times_.dead_owned.bytes() + code_.bytes() + seen_code_.bytes() +
         seen_.bytes() + (coder_ ? coder_->bytes() : 0) + index_->bytes();
}

void TableIndex::settle() noexcept {
  times_.t_owned.settle();
  times_.dead_owned.settle();
  code_.settle();
  seen_code_.settle();
  seen_.settle();
  if (coder_) coder_->settle();
  if (index_) index_->settle();
}

}  // namespace flowstate::device

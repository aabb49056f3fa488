#include "flowstate/device/asof_join.h"

#include <bit>
#include <string>
#include <utility>

namespace flowstate::device {

namespace {

using functors::AsofMergeTile;
using functors::AsofProbeTile;

// No row is out of order.
constexpr std::uint64_t kNone = UINT64_MAX;

int bits_of(std::int32_t groups) noexcept {
  return groups <= 1 ? 1 : std::bit_width(static_cast<std::uint32_t>(groups - 1));
}

RowOrder find_order(JoinWork& work, const JoinRows& rows) {
  if (rows.order != RowOrder::kUnknown) return rows.order;
  const Array<std::uint64_t> first = work.array<std::uint64_t>(2);
  work.stream().fill(first.data(), 0xFF, first.bytes());
  work.stream().for_each(rows.count, functors::GroupOrderElement{rows.t, rows.code, first.data()});
  if (rows.code != nullptr) {
    work.stream().for_each(rows.count, functors::OrderElement{rows.t, first.data() + 1});
  }
  work.end_phase("look at the order", std::size_t{rows.count} * (rows.code == nullptr ? 8 : 20));
  if (work.read(first.data()) == kNone) return RowOrder::kByKey;
  if (rows.code != nullptr && work.read(first.data() + 1) == kNone) return RowOrder::kByTime;
  return RowOrder::kUnknown;
}

template <typename Word>
void gather(JoinWork& work, const Array<Word>& out, const Word* in, const std::uint32_t* index) {
  static_assert(sizeof(Word) == 4 || sizeof(Word) == 8);
  using Bits = std::conditional_t<sizeof(Word) == 4, std::uint32_t, std::uint64_t>;
  work.stream().for_each(out.count(),
                         functors::GatherElement<Bits>{reinterpret_cast<Bits*>(out.data()),
                                                       reinterpret_cast<const Bits*>(in), index});
}

}  // namespace

GroupedRows group_rows(JoinWork& work, const JoinRows& rows, std::int32_t groups) {
  GroupedRows result;
  result.count = rows.count;
  result.t = rows.t;
  result.code = rows.code;
  if (rows.count < 2) return result;
  const RowOrder order = find_order(work, rows);
  if (order == RowOrder::kByKey || (order == RowOrder::kByTime && rows.code == nullptr)) return result;
  const std::size_t count = rows.count;
  Array<std::uint32_t> place = work.array<std::uint32_t>(count);
  work.stream().for_each(count, functors::IotaElement{place.data()});
  result.row_owned = work.array<std::uint32_t>(count);
  result.t_owned = work.array<std::int64_t>(count);
  const std::int32_t* code = rows.code;
  Array<std::int32_t> code_by_time;
  if (order != RowOrder::kByTime) {
    work.stream().sort_pairs(
        {rows.t, result.t_owned.data(), place.data(), result.row_owned.data(), count, 8, 64});
    work.end_phase("sort by time", count * 8 * 24);
    if (code != nullptr) {
      code_by_time = work.array<std::int32_t>(count);
      gather(work, code_by_time, code, result.row_owned.data());
      code = code_by_time.data();
      std::swap(place, result.row_owned);
    }
  }
  if (code != nullptr) {
    result.code_owned = work.array<std::int32_t>(count);
    const int bits = bits_of(groups);
    work.stream().sort_pairs(
        {code, result.code_owned.data(), place.data(), result.row_owned.data(), count, 4, bits});
    work.end_phase("partition by key", count * (4 + 16 * static_cast<std::size_t>((bits + 7) / 8)));
    gather(work, result.t_owned, rows.t, result.row_owned.data());
    work.end_phase("gather times", count * 20);
    result.code = result.code_owned.data();
  }
  result.t = result.t_owned.data();
  result.row = result.row_owned.data();
  return result;
}

JoinIndex::JoinIndex(JoinWork& work, const JoinRows& rows, const std::int64_t* seen, std::int32_t groups)
    : rows_(group_rows(work, rows, groups)) {
  view_.t = rows_.t;
  view_.code = rows_.code;
  view_.row = rows_.row;
  view_.count = rows_.count;
  view_.groups = groups;
  if (rows_.code != nullptr) {
    starts_ = work.array<std::uint32_t>(static_cast<std::size_t>(groups) + 1);
    work.stream().for_each(starts_.count(),
                           functors::GroupStartElement{starts_.data(), rows_.code, rows_.count});
    work.end_phase("find the groups", starts_.bytes());
    view_.starts = starts_.data();
  }
  if (seen == nullptr || rows_.count == 0) return;
  if (rows_.row != nullptr) {
    seen_.push_back(work.array<std::int64_t>(rows_.count));
    gather(work, seen_.back(), seen, rows_.row);
    seen = seen_.back().data();
  }
  view_.seen.level[0] = seen;
  view_.seen.levels = 1;
  for (std::uint32_t below = rows_.count; below > 1;) {
    const std::uint32_t above = (below + functors::kTreeFan - 1) / functors::kTreeFan;
    seen_.push_back(work.array<std::int64_t>(above));
    work.stream().for_each(above, functors::MinLevelElement{seen_.back().data(),
                                                            view_.seen.level[view_.seen.levels - 1], below});
    view_.seen.level[view_.seen.levels++] = seen_.back().data();
    below = above;
  }
  work.end_phase("what can be seen when", std::size_t{rows_.count} * 20);
}

std::size_t JoinIndex::bytes() const noexcept {
  std::size_t bytes =
      rows_.t_owned.bytes() + rows_.code_owned.bytes() + rows_.row_owned.bytes() + starts_.bytes();
  for (const auto& level : seen_) bytes += level.bytes();
  return bytes;
}

void JoinIndex::settle() noexcept {
  rows_.t_owned.settle();
  rows_.code_owned.settle();
  rows_.row_owned.settle();
  starts_.settle();
  for (auto& level : seen_) level.settle();
}

namespace {

void demand_same_keys(const std::int32_t* left_code, std::uint32_t left_count,
                      const functors::AsofRight& right) {
  if (left_count == 0 || right.count == 0 || (left_code == nullptr) == (right.code == nullptr)) return;
  throw Error(ErrorCode::INTERNAL, "one side of a device join has key codes, the other none");
}

std::size_t row_bytes(const functors::AsofRight& right) noexcept { return right.code == nullptr ? 8 : 12; }

MatchCounts read_counts(const JoinWork& work, const Array<functors::AsofCounts>& counts) {
  const functors::AsofCounts found = work.read(counts.data());
  return {static_cast<std::int64_t>(found.matched), static_cast<std::int64_t>(found.too_far)};
}

Array<functors::AsofCounts> zero_counts(const JoinWork& work) {
  auto counts = work.array<functors::AsofCounts>(1);
  work.stream().fill(counts.data(), 0, counts.bytes());
  return counts;
}

}  // namespace

MatchPlan choose_plan(const JoinRows& left, const JoinIndex& index) {
  // A merge reads all of the right side, and wants the left grouped, which costs what a few searches a row do.
  const bool lies_grouped = left.order == RowOrder::kByKey || left.code == nullptr;
  return std::uint64_t{left.count} * (lies_grouped ? 16 : 4) < index.view().count ? MatchPlan::kProbe
                                                                                  : MatchPlan::kMerge;
}

MatchCounts match_by_merge(JoinWork& work, const GroupedRows& left, const JoinIndex& index,
                           const functors::AsofRules& rules, std::int32_t* match) {
  const functors::AsofRight& right = index.view();
  demand_same_keys(left.code, left.count, right);
  if (left.count == 0) return {};
  const auto counts = zero_counts(work);
  const functors::AsofLeft rows{left.t, left.code, left.row, left.count};
  const std::uint64_t all = std::uint64_t{left.count} + right.count;
  const auto tiles = static_cast<std::size_t>((all + AsofMergeTile::kRows - 1) / AsofMergeTile::kRows);
  const Array<std::uint32_t> cuts = work.array<std::uint32_t>(tiles + 1);
  work.stream().for_each(
      tiles + 1, functors::AsofCutElement{rows, right, rules.strict(), AsofMergeTile::kRows, cuts.data()});
  work.stream().run_tiles(tiles, AsofMergeTile{rows, right, rules, cuts.data(), {match, counts.data()}});
  work.end_phase("merge", static_cast<std::size_t>(all) * row_bytes(right) +
                              std::size_t{left.count} * (left.row == nullptr ? 4 : 8));
  return read_counts(work, counts);
}

MatchCounts match_by_probe(JoinWork& work, const JoinRows& left, const JoinIndex& index,
                           const functors::AsofRules& rules, std::int32_t* match) {
  const functors::AsofRight& right = index.view();
  demand_same_keys(left.code, left.count, right);
  if (left.count == 0) return {};
  const auto counts = zero_counts(work);
  const functors::AsofLeft rows{left.t, left.code, nullptr, left.count};
  const std::size_t tiles = (std::size_t{left.count} + AsofProbeTile::kRows - 1) / AsofProbeTile::kRows;
  work.stream().run_tiles(tiles, AsofProbeTile{rows, right, rules, {match, counts.data()}});
  const auto steps = static_cast<std::size_t>(std::bit_width(right.count)) + 1;
  work.end_phase("probe", std::size_t{left.count} * (row_bytes(right) + 4 + 8 * steps));
  return read_counts(work, counts);
}

Matched match_rows(JoinWork& work, const JoinRows& left, const JoinIndex& index,
                   const functors::AsofRules& rules, std::int32_t* match, MatchPlan wanted) {
  const MatchPlan plan = wanted == MatchPlan::kAuto ? choose_plan(left, index) : wanted;
  if (plan == MatchPlan::kProbe) return {match_by_probe(work, left, index, rules, match), plan};
  const GroupedRows grouped = group_rows(work, left, index.view().groups);
  return {match_by_merge(work, grouped, index, rules, match), plan};
}

}  // namespace flowstate::device

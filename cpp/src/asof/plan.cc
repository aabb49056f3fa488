#include "plan.h"

#include <bit>

namespace flowstate::asof {
namespace {

std::string text(std::int64_t value) { return std::to_string(value); }

std::string order_of(const PlanFacts& facts) {
  if (facts.left_ascends && facts.right_ascends) return "both sides ascend in time";
  if (facts.left_ascends) return "the right side does not ascend in time";
  if (facts.right_ascends) return "the left side does not ascend in time";
  return "neither side ascends in time";
}

// Expected rows to look at per left row: the search, and the way back to the last row of the key.
std::int64_t probe_cost(const PlanFacts& facts) {
  const std::int64_t search = 4 * std::bit_width(static_cast<std::uint64_t>(facts.right_rows));
  return search + (facts.keyed ? facts.groups : 0);
}

}  // namespace

const char* plan_name(PlanKind plan) noexcept {
  switch (plan) {
    case PlanKind::kGrouped:
      return "grouped";
    case PlanKind::kSort:
      return "sort";
    case PlanKind::kProbe:
      return "probe";
    case PlanKind::kAuto:
    case PlanKind::kMerge:
      return "merge";
  }
  return "merge";
}

PlanChoice choose_plan(const PlanFacts& facts) {
  const bool ascending = facts.left_ascends && facts.right_ascends;
  const PlanKind in_time = ascending ? PlanKind::kMerge : PlanKind::kSort;
  switch (facts.forced) {
    case PlanKind::kMerge:
      return {in_time, ascending ? "forced" : "merge was forced, but " + order_of(facts) + ", so rows are sorted first"};
    case PlanKind::kSort:
      return {PlanKind::kSort, "forced; " + order_of(facts)};
    case PlanKind::kProbe:
      return {PlanKind::kProbe, "forced"};
    case PlanKind::kGrouped:
      if (facts.keyed) return {PlanKind::kGrouped, "forced"};
      return {in_time, "grouped was forced, but there are no keys to group by"};
    case PlanKind::kAuto:
      break;
  }
  if (facts.right_ascends && facts.left_rows * probe_cost(facts) < facts.right_rows) {
    return {PlanKind::kProbe, text(facts.left_rows) + " left rows are few against " + text(facts.right_rows) +
                                  " right rows in time order: about " + text(probe_cost(facts)) + " looks each"};
  }
  if (ascending) {
    return {PlanKind::kMerge, order_of(facts) + ": one pass over " + text(facts.left_rows) + " and " +
                                  text(facts.right_rows) + " rows" +
                                  (facts.keyed ? ", last rows of " + text(facts.groups - kFirstKey) +
                                                     " key codes in a table of " +
                                                     text(std::int64_t{4} * facts.groups) + " bytes"
                                               : std::string())};
  }
  if (facts.keyed) {
    return {PlanKind::kGrouped, order_of(facts) + ": rows are bucketed by " + text(facts.groups - kFirstKey) +
                                    " key codes, and only keys out of order are sorted"};
  }
  return {PlanKind::kSort, order_of(facts) + " and there are no keys: sort by time, then merge"};
}

}  // namespace flowstate::asof

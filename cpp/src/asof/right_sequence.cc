#include "right_sequence.h"

#include <limits>

namespace flowstate::asof {
namespace {

// r + lag in the aligned representation; false where that is past every time.
bool delayed(std::int64_t r, TimeKind kind, const StreamRequest& request, std::int64_t& out) noexcept {
  if (kind == TimeKind::kFloat) {
    out = ordered_bits(from_ordered_bits(r) + request.lag_float);
    return true;
  }
  return !__builtin_add_overflow(r, request.lag, &out);
}

}  // namespace

Visibility visible_times(const Times& times, const Times* known, const StreamRequest& request,
                         const std::int32_t* code, Fold fold) {
  const auto n = static_cast<std::size_t>(times.count);
  Visibility result;
  result.t_owned = Buffer(n * 8);
  result.code_owned = code_buffer(times.count);
  auto* t = result.t_owned.as<std::int64_t>();
  auto* c = result.code_owned.as<std::int32_t>();
  const bool lagged = times.kind == TimeKind::kFloat ? request.lag_float > 0 : request.lag > 0;
  std::int64_t last = INT64_MIN;
  for (std::int64_t i = 0; i < times.count; ++i) {
    const std::int64_t r = times.t[i];
    std::int64_t v = fold == Fold::kNothing ? INT64_MIN : r;
    std::int64_t other = 0;
    bool seen = code == nullptr || code[i] >= kFirstKey;
    if (lagged) {
      seen &= delayed(r, times.kind, request, other);
      if (seen) v = std::max(v, other);
    }
    if (known != nullptr) {
      seen &= known->dead.empty() || known->dead[static_cast<std::size_t>(i)] == 0;
      v = std::max(v, known->t[i]);
    }
    if (fold == Fold::kTimePlusOne) {
      // In the ordered bits of a double, + 1 is the next larger double; past infinity there is none.
      seen &= r != INT64_MAX && !(times.kind == TimeKind::kFloat &&
                                  from_ordered_bits(r) == std::numeric_limits<double>::infinity());
      if (seen) v = std::max(v, r + 1);
    }
    c[i] = !seen ? kDeadRight : code == nullptr ? kFirstKey : code[i];
    t[i] = seen ? v : last;
    result.ascending &= t[i] >= last;
    last = t[i];
  }
  result.t = t;
  result.code = c;
  return result;
}

RightSequence prepare_right(const Context& context, Ordered order, std::int32_t groups, const std::int64_t* r_time,
                            bool last_of_ties, SequenceNeeds needs) {
  RightSequence sequence;
  sequence.order = std::move(order);
  sequence.groups = groups;
  const Ordered& o = sequence.order;
  const auto m = static_cast<std::uint32_t>(o.count);
  const auto g = static_cast<std::size_t>(groups);
  const auto row_of = [&](std::uint32_t j) { return o.row == nullptr ? static_cast<std::int32_t>(j) : o.row[j]; };
  context.check_cancelled();
  if (needs.best) {
    sequence.back = Buffer(static_cast<std::size_t>(m) * 4);
    auto* back = sequence.back.as<std::int32_t>();
    std::vector<std::int32_t> best(g, -1);
    for (std::uint32_t j = 0; j < m; ++j) {
      std::int32_t& have = best[static_cast<std::size_t>(o.code == nullptr ? kFirstKey : o.code[j])];
      const std::int32_t row = row_of(j);
      if (have < 0 || r_time[row] > r_time[have] ||
          (r_time[row] == r_time[have] && (last_of_ties ? row > have : row < have))) {
        have = row;
      }
      back[j] = have;
    }
  }
  if (needs.chain) {
    context.check_cancelled();
    sequence.next = Buffer((static_cast<std::size_t>(m) + g) * 4);
    auto* next = sequence.next.as<std::uint32_t>();
    std::uint32_t* head = next + m;
    std::fill(head, head + g, kNone);
    for (std::uint32_t j = m; j-- > 0;) {
      std::uint32_t& first = head[o.code == nullptr ? kFirstKey : o.code[j]];
      next[j] = first;
      first = j;
    }
    head[kDeadLeft] = kNone;
    if (needs.later) {
      sequence.later = Buffer(static_cast<std::size_t>(m) * 4);
      auto* later = sequence.later.as<std::uint32_t>();
      for (std::uint32_t j = m; j-- > 0;) {
        const std::uint32_t follow = next[j];
        later[j] = follow != kNone && o.t[follow] == o.t[j] ? later[follow] : follow;
      }
    }
    if (needs.forward) {
      sequence.forward = Buffer(static_cast<std::size_t>(m) * 4);
      auto* forward = sequence.forward.as<std::int32_t>();
      for (std::uint32_t j = m; j-- > 0;) {
        const std::uint32_t follow = next[j];
        forward[j] = follow != kNone && o.t[follow] == o.t[j] ? forward[follow] : row_of(j);
      }
    }
  }
  return sequence;
}

}  // namespace flowstate::asof

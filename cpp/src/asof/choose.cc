#include "choose.h"

#include "rules.h"

namespace flowstate::asof {
namespace {

// What a position means in input rows.
struct Rows {
  const std::int32_t* row;
  const std::int32_t* back;
  const std::int32_t* forward;
  const std::uint32_t* next;
  const std::uint32_t* later;
  const std::int64_t* t;
  std::uint32_t count;

  explicit Rows(const RightSequence& right) noexcept
      : row(right.order.row),
        back(right.back.as<std::int32_t>()),
        forward(right.forward.as<std::int32_t>()),
        next(right.next.as<std::uint32_t>()),
        later(right.later.as<std::uint32_t>()),
        t(right.order.t),
        count(static_cast<std::uint32_t>(right.order.count)) {}

  std::int32_t before(std::uint32_t j) const noexcept {
    if (j >= count) return -1;
    if (back != nullptr) return back[j];
    return row != nullptr ? row[j] : static_cast<std::int32_t>(j);
  }

  std::int32_t after(std::uint32_t j, std::int64_t lt) const noexcept {
    std::uint32_t follow = next[j == kNone ? count + kFirstKey : j];
    if (follow == kNone) return -1;
    if (later != nullptr && t[follow] == lt) follow = later[follow];
    if (follow == kNone) return -1;
    if (forward != nullptr) return forward[follow];
    return row != nullptr ? row[follow] : static_cast<std::int32_t>(follow);
  }
};

template <typename Clock, Direction kDirection>
void choose(const Choice& choice, const RightSequence& right, const std::int64_t* lt,
            const std::uint32_t* raw, const std::int32_t* forward_rows, std::int64_t count, std::int32_t* out,
            Tally& tally) noexcept {
  const Rows rows(right);
  const std::int64_t* r_time = choice.r_time;
  std::int64_t matched = 0;
  std::int64_t too_far = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t t = lt[i];
    std::int32_t pick = -1;
    if constexpr (kDirection != Direction::kForward) pick = rows.before(raw[i]);
    if constexpr (kDirection != Direction::kBackward) {
      const std::int32_t f = forward_rows != nullptr ? forward_rows[i] : rows.after(raw[i], t);
      if (pick < 0) {
        pick = f;
      } else if (f >= 0) {
        if (ahead_wins<Clock>(t, r_time[pick], r_time[f], choice.later_wins)) pick = f;
      }
    }
    if (choice.has_tolerance && pick >= 0 &&
        !within<Clock>(choice.reach(), Clock::distance(t, r_time[pick]))) {
      pick = -1;
      ++too_far;
    }
    matched += pick >= 0;
    out[i] = pick;
  }
  tally.matched += matched;
  tally.too_far += too_far;
}

// Backward over rows in place, no tolerance: positions are rows, and kNone is -1.
void copy_matches(const std::uint32_t* raw, std::int64_t count, std::int32_t* out, Tally& tally) noexcept {
  std::int64_t matched = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto row = static_cast<std::int32_t>(raw[i]);
    matched += row >= 0;
    out[i] = row;
  }
  tally.matched += matched;
}

// The same with a tolerance on integer times, without branches.
void copy_within(const Choice& choice, const std::int64_t* lt, const std::uint32_t* raw, std::int64_t count,
                 std::int32_t* out, Tally& tally) noexcept {
  std::int64_t matched = 0;
  std::int64_t found = 0;
  const std::int64_t* r_time = choice.r_time;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto row = static_cast<std::int32_t>(raw[i]);
    const std::int32_t none = row >> 31;
    const std::uint64_t distance =
        static_cast<std::uint64_t>(lt[i]) - static_cast<std::uint64_t>(r_time[row & ~none]);
    const std::int32_t far = -static_cast<std::int32_t>(distance > choice.tolerance);
    const std::int32_t pick = row | far;
    found += row >= 0;
    matched += pick >= 0;
    out[i] = pick < 0 ? -1 : pick;
  }
  tally.matched += matched;
  tally.too_far += found - matched;
}

template <typename Clock>
void dispatch(const Choice& choice, const RightSequence& right, const std::int64_t* lt,
              const std::uint32_t* raw, const std::int32_t* forward_rows, std::int64_t count,
              std::int32_t* out, Tally& tally) noexcept {
  switch (choice.direction) {
    case Direction::kBackward:
      return choose<Clock, Direction::kBackward>(choice, right, lt, raw, nullptr, count, out, tally);
    case Direction::kForward:
      return choose<Clock, Direction::kForward>(choice, right, lt, raw, forward_rows, count, out, tally);
    case Direction::kNearest:
      return choose<Clock, Direction::kNearest>(choice, right, lt, raw, forward_rows, count, out, tally);
  }
}

}  // namespace

void choose_block(const Choice& choice, const RightSequence& right, const std::int64_t* lt,
                  const std::uint32_t* raw, const std::int32_t* forward_rows, std::int64_t count,
                  std::int32_t* out, Tally& tally) noexcept {
  const bool in_place = right.order.row == nullptr && right.back.empty() && !right.chained();
  if (choice.direction == Direction::kBackward && in_place) {
    if (!choice.has_tolerance) return copy_matches(raw, count, out, tally);
    if (choice.kind != TimeKind::kFloat && right.order.count > 0) {
      return copy_within(choice, lt, raw, count, out, tally);
    }
  }
  if (choice.kind == TimeKind::kFloat) {
    dispatch<FloatClock>(choice, right, lt, raw, forward_rows, count, out, tally);
  } else {
    dispatch<IntegerClock>(choice, right, lt, raw, forward_rows, count, out, tally);
  }
}

}  // namespace flowstate::asof

// Engine time: alignment of left and right times, watermarks, and when a left row is final. Everything saturates.
#pragma once

#include <cstdint>
#include <optional>

#include "asof/rules.h"
#include "asof/times.h"
#include "flowstate/stream/streaming_join.h"

namespace flowstate::stream {

inline constexpr std::int64_t kBegin = INT64_MIN;  // before every time: no watermark yet

inline asof::TimeKind kind_of(Kind kind) noexcept { return static_cast<asof::TimeKind>(kind); }

// A time of kind `from`, scaled, as kind `to`. `fits` is false where it cannot be represented; the result is then the
// nearest end of the range.
inline std::int64_t align(std::int64_t time, Kind from, std::int64_t scale, Kind to, bool& fits) noexcept {
  fits = true;
  if (from == to && scale == 1) return time;
  if (to == Kind::kFloat) return time;
  constexpr std::uint64_t kTop = std::uint64_t{1} << 63;
  if (from == Kind::kUnsigned) {
    const std::uint64_t value = static_cast<std::uint64_t>(time) ^ kTop;
    std::uint64_t product;
    const bool over = __builtin_mul_overflow(value, static_cast<std::uint64_t>(scale), &product);
    if (to == Kind::kUnsigned) {
      fits = !over;
      return over ? INT64_MAX : static_cast<std::int64_t>(product ^ kTop);
    }
    fits = !over && product <= static_cast<std::uint64_t>(INT64_MAX);
    return fits ? static_cast<std::int64_t>(product) : INT64_MAX;
  }
  std::int64_t product;
  if (__builtin_mul_overflow(time, scale, &product)) {
    fits = false;
    return time > 0 ? INT64_MAX : INT64_MIN;
  }
  if (to == Kind::kUnsigned) {
    fits = product >= 0;
    return fits ? static_cast<std::int64_t>(static_cast<std::uint64_t>(product) ^ kTop) : INT64_MIN;
  }
  return product;
}

// The largest left time that certainly lies at or before `aligned`; for bounds of what must be kept.
inline std::int64_t unalign_down(std::int64_t aligned, Kind from, std::int64_t scale, Kind to) noexcept {
  if (from == to && scale == 1) return aligned;
  if (from == Kind::kFloat) return aligned;
  constexpr std::uint64_t kTop = std::uint64_t{1} << 63;
  if (from == Kind::kUnsigned) {
    const std::uint64_t value =
        (static_cast<std::uint64_t>(aligned) ^ kTop) / static_cast<std::uint64_t>(scale);
    if (to == Kind::kUnsigned) return static_cast<std::int64_t>(value ^ kTop);
    return value > static_cast<std::uint64_t>(INT64_MAX) ? INT64_MAX : static_cast<std::int64_t>(value);
  }
  std::int64_t value = aligned / scale;
  if (aligned % scale != 0 && aligned < 0) --value;
  if (to == Kind::kUnsigned) {
    return value < 0 ? INT64_MIN : static_cast<std::int64_t>(static_cast<std::uint64_t>(value) ^ kTop);
  }
  return value;
}

inline std::int64_t add_saturating(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return b > 0 ? INT64_MAX : INT64_MIN;
  return sum;
}

// time - span, by the kind's arithmetic; kBegin where that is before every time.
inline std::int64_t minus(std::int64_t time, Kind kind, std::int64_t whole, double real) noexcept {
  if (time == kBegin) return kBegin;
  if (kind == Kind::kFloat) {
    const double at = asof::from_ordered_bits(time) - real;
    return at != at ? kBegin : asof::ordered_bits(at);
  }
  return add_saturating(time, -whole);
}

// The rules of one stream, ready to be applied to aligned times.
struct StreamRules {
  asof::Direction direction = asof::Direction::kBackward;
  bool exact = true;
  bool first_of_ties = false;
  bool last_of_ties = false;
  bool later_wins = false;
  bool has_tolerance = false;
  bool has_known = false;
  asof::Reach reach;
  bool has_lag = false;
  std::int64_t lag = 0;
  double lag_float = 0;
  Kind kind = Kind::kSigned;

  explicit StreamRules(const StreamShape& shape)
      : direction(shape.direction),
        exact(shape.allow_exact),
        first_of_ties(shape.ties == asof::Ties::kFirst),
        last_of_ties(shape.ties == asof::Ties::kLast),
        later_wins(shape.nearest_tie == asof::NearestTie::kLater),
        has_tolerance(shape.has_tolerance),
        has_known(shape.has_known_at),
        reach{static_cast<std::uint64_t>(shape.tolerance), shape.tolerance_float},
        has_lag(shape.kind == Kind::kFloat ? shape.lag_float > 0 : shape.lag > 0),
        lag(shape.lag),
        lag_float(shape.lag_float),
        kind(shape.kind) {}

  bool looks_ahead() const noexcept { return direction != asof::Direction::kBackward && !has_lag; }
  bool looks_behind() const noexcept { return direction != asof::Direction::kForward; }

  // The latest right time that a left row at t may look back to. False: there is none.
  bool behind_bound(std::int64_t t, std::int64_t& bound) const noexcept {
    bound = t;
    if (!exact) {
      if (t == INT64_MIN) return false;
      bound = t - 1;
    }
    if (!has_lag) return true;
    if (kind != Kind::kFloat) {
      std::int64_t seen;
      if (__builtin_sub_overflow(t, lag, &seen)) return false;
      if (seen < bound) bound = seen;
      return true;
    }
    return float_behind_bound(t, bound);
  }

  // The earliest right time that a left row at t may look forward to. False: there is none.
  bool ahead_bound(std::int64_t t, std::int64_t& bound) const noexcept {
    bound = t;
    if (direction == asof::Direction::kNearest || !exact) {
      if (t == INT64_MAX) return false;
      bound = t + 1;
    }
    return true;
  }

  bool too_far(std::int64_t t, std::int64_t r) const noexcept {
    if (!has_tolerance) return false;
    return kind == Kind::kFloat
               ? !asof::within<asof::FloatClock>(reach, asof::FloatClock::distance(t, r))
               : !asof::within<asof::IntegerClock>(reach, asof::IntegerClock::distance(t, r));
  }

  bool prefers_ahead(std::int64_t t, std::int64_t behind, std::int64_t ahead) const noexcept {
    return kind == Kind::kFloat ? asof::ahead_wins<asof::FloatClock>(t, behind, ahead, later_wins)
                                : asof::ahead_wins<asof::IntegerClock>(t, behind, ahead, later_wins);
  }

  // Whether the watermark has passed everything that a row which looks no way ahead could still match.
  bool behind_final(std::int64_t t, std::int64_t w) const noexcept {
    if (w == kBegin) return false;
    if (w > t || (!exact && w >= t)) return true;
    if (!has_lag) return false;
    if (kind == Kind::kFloat) return asof::from_ordered_bits(w) + lag_float > asof::from_ordered_bits(t);
    return add_saturating(w, lag) > t || (w > 0 && lag > INT64_MAX - w);
  }

  // W > t + tolerance.
  bool past_reach(std::int64_t t, std::int64_t w) const noexcept {
    return has_tolerance && w > t && too_far(t, w);
  }

  // W > t + (t - b).
  bool past_mirror(std::int64_t t, std::int64_t b, std::int64_t w) const noexcept {
    if (w <= t) return false;
    if (kind == Kind::kFloat) return asof::FloatClock::distance(w, t) > asof::FloatClock::distance(t, b);
    return asof::IntegerClock::distance(w, t) > asof::IntegerClock::distance(t, b);
  }

 private:
  // Sums of doubles round, but they ascend: bisect for the last r with r + lag <= t.
  bool float_behind_bound(std::int64_t t, std::int64_t& bound) const noexcept {
    const double at = asof::from_ordered_bits(t);
    std::int64_t low = asof::ordered_bits(-__builtin_inf());
    std::int64_t high = bound;
    if (!(asof::from_ordered_bits(low) + lag_float <= at) || high < low) return false;
    while (low < high) {
      const std::int64_t middle =
          low + static_cast<std::int64_t>(
                    (static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1) / 2);
      if (asof::from_ordered_bits(middle) + lag_float <= at) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    bound = low;
    return true;
  }
};

}  // namespace flowstate::stream

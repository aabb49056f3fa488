#include "support/oracle.h"

#include <cmath>

namespace flowstate::test {
namespace {

using asof::Direction;
using asof::Ties;

struct Clock {
  bool is_float;

  int order(const LogicalTime& a, const LogicalTime& b) const {
    if (is_float) return a.d < b.d ? -1 : a.d > b.d ? 1 : 0;
    return a.i < b.i ? -1 : a.i > b.i ? 1 : 0;
  }
  // Distances as something comparable: integers below 2^65 and doubles do not share a type, so compare by kind.
  LogicalTime distance(const LogicalTime& a, const LogicalTime& b) const {
    if (is_float) return {0, a.d == b.d ? 0 : std::fabs(a.d - b.d)};
    return {a.i < b.i ? b.i - a.i : a.i - b.i, 0};
  }
};

bool keys_match(const std::vector<std::optional<std::string>>& a, const std::vector<std::optional<std::string>>& b,
                bool nulls_equal) {
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (!a[k] && !b[k]) {
      if (!nulls_equal) return false;
    } else if (!a[k] || !b[k] || *a[k] != *b[k]) {
      return false;
    }
  }
  return true;
}

}  // namespace

OracleAnswer oracle_join(const LogicalStream& stream) {
  const asof::StreamRequest& o = *stream.options;
  const Clock clock{stream.is_float};
  const auto n = stream.left.time.size();
  const auto m = stream.right.time.size();
  OracleAnswer answer;
  answer.stats.rows = static_cast<std::int64_t>(n);
  answer.stats.right_rows = static_cast<std::int64_t>(m);
  for (std::size_t l = 0; l < n; ++l) {
    std::optional<std::size_t> behind;
    std::optional<std::size_t> ahead;
    const auto& t = stream.left.time[l];
    for (std::size_t r = 0; t && r < m; ++r) {
      const auto& rt = stream.right.time[r];
      if (!rt || !keys_match(stream.left.keys[l], stream.right.keys[r], o.null_keys_equal)) continue;
      if (stream.is_float ? o.lag_float > 0 : o.lag > 0) {
        const LogicalTime seen{rt->i + o.lag, rt->d + o.lag_float};
        if (clock.order(seen, *t) > 0) continue;
      }
      if (stream.has_known && (!stream.known[r] || clock.order(*stream.known[r], *t) > 0)) continue;
      const int side = clock.order(*rt, *t);
      const bool nearest = o.direction == Direction::kNearest;
      const bool may_be_behind = o.direction != Direction::kForward && (side < 0 || (side == 0 && o.allow_exact));
      const bool may_be_ahead =
          o.direction != Direction::kBackward && (side > 0 || (side == 0 && o.allow_exact && !nearest));
      if (may_be_behind) {
        const int against = behind ? clock.order(*rt, *stream.right.time[*behind]) : 1;
        if (against > 0 || (against == 0 && o.ties != Ties::kFirst)) behind = r;
      }
      if (may_be_ahead) {
        const int against = ahead ? clock.order(*rt, *stream.right.time[*ahead]) : -1;
        if (against < 0 || (against == 0 && o.ties == Ties::kLast)) ahead = r;
      }
    }
    std::optional<std::size_t> pick = behind ? behind : ahead;
    if (behind && ahead) {
      const int closer = clock.order(clock.distance(*t, *stream.right.time[*ahead]),
                                     clock.distance(*t, *stream.right.time[*behind]));
      if (closer < 0 || (closer == 0 && o.nearest_tie == asof::NearestTie::kLater)) pick = ahead;
    }
    if (!pick) {
      ++answer.stats.no_candidate;
    } else if (o.has_tolerance && clock.order(clock.distance(*t, *stream.right.time[*pick]),
                                              LogicalTime{o.tolerance, o.tolerance_float}) > 0) {
      pick.reset();
      ++answer.stats.tolerance_exceeded;
    } else {
      ++answer.stats.matched;
    }
    answer.rows.push_back(pick ? static_cast<std::int32_t>(*pick) : -1);
  }
  return answer;
}

std::optional<Violation> oracle_violation(const LogicalStream& stream) {
  const Clock clock{stream.is_float};
  int number = 0;
  for (const LogicalSide* side : {&stream.left, &stream.right}) {
    for (std::size_t row = 0; row < side->time.size(); ++row) {
      if (!side->time[row]) continue;
      for (std::size_t before = row; before-- > 0;) {
        if (!side->time[before] ||
            !keys_match(side->keys[row], side->keys[before], stream.options->null_keys_equal)) {
          continue;
        }
        if (clock.order(*side->time[row], *side->time[before]) < 0) {
          return Violation{number, static_cast<std::int64_t>(row), static_cast<std::int64_t>(before)};
        }
        break;
      }
    }
    ++number;
  }
  return std::nullopt;
}

}  // namespace flowstate::test

#include "support/stream_play.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "flowstate/error.h"
#include "support/stream_restore.h"

namespace flowstate::test {

using stream::LatePolicy;

StreamCase make_late_case(Choices& pick, const StreamCaseLimits& limits) {
  StreamCase random = make_stream_case(pick, limits);
  const bool is_float = random.config.left_kind == stream::Kind::kFloat;
  static const std::int64_t horizons[] = {0, 1, 3, 8, INT64_MAX};
  const std::uint32_t horizon = pick.below(5);
  random.config.horizon = is_float ? 0 : horizons[horizon];
  random.config.horizon_float = is_float ? std::numeric_limits<double>::infinity() : 0;
  static const LatePolicy policies[] = {LatePolicy::kDrop,   LatePolicy::kSideOutput, LatePolicy::kRevise,
                                        LatePolicy::kRevise, LatePolicy::kSideOutput, LatePolicy::kError};
  random.config.left_late = policies[pick.below(6)];
  for (stream::StreamShape& shape : random.config.streams) shape.late = policies[pick.below(6)];
  if (pick.below(6) == 5) random.config.max_state_bytes = 512 + 64 * std::int64_t{pick.below(64)};
  return random;
}

StreamPlay::StreamPlay(Choices& choices, const StreamCase& given)
    : pick_(choices), random_(given), engine_(given.config), sides_(given.inputs.size()) {
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    Side& side = sides_[i];
    side.waiting.resize(static_cast<std::size_t>(random_.inputs[i].rows()));
    std::iota(side.waiting.begin(), side.waiting.end(), 0);
    if (!pick_.one_in(3)) side.waiting = random_.inputs[i].ordered(side.waiting);
    for (auto n = static_cast<std::uint32_t>(side.waiting.size()); n > 1; --n) {
      std::swap(side.waiting[n - 1], side.waiting[n - 1 - pick_.below(std::min<std::uint32_t>(n, 6))]);
    }
    side.horizon = random_.config.horizon;
    if (i > 0 &&
        __builtin_mul_overflow(side.horizon, random_.config.streams[i - 1].left_scale, &side.horizon)) {
      side.horizon = INT64_MAX;
    }
    if (random_.config.horizon_float > 0) side.horizon = -1;
  }
}

LatePolicy StreamPlay::policy(std::size_t input) const {
  return input == 0 ? random_.config.left_late : random_.config.streams[input - 1].late;
}

// A right row with one counts as nothing else.
bool StreamPlay::has_null_key(std::size_t input, std::int64_t row) const {
  if (input == 0 || random_.config.streams[input - 1].null_keys_equal) return false;
  bool null = false;
  for (const Cells& key : random_.inputs[input].keys) {
    null |= !key[static_cast<std::size_t>(row)].has_value();
  }
  return null;
}

std::string StreamPlay::emit(std::int64_t most) {
  std::vector<Emitted> rows;
  const stream::EngineOutput output = engine_.emit(most);
  const std::string found = read_output(random_, output, rows);
  if (!found.empty()) return found;
  put_out_ = output.rows;
  if (output.rows > most + 1) return "a part is too large";
  for (const Emitted& row : rows) {
    const auto at = shown_.find(row.id);
    if (row.op == -1) {
      if (at == shown_.end()) return "a retraction of a row that is not there";
      if (at->second.left != row.left || at->second.matches != row.matches)
        return "a retraction of other values";
      shown_.erase(at);
    } else {
      if (at != shown_.end()) return "an insertion of a row that is there";
      Emitted put = row;
      put.op = 1;
      shown_.emplace(row.id, put);
    }
  }
  return "";
}

std::string StreamPlay::push(std::size_t input, std::size_t most) {
  const Side before = sides_[input];
  Side& side = sides_[input];
  std::vector<std::int64_t> batch;
  const StreamInput& rows = random_.inputs[input];
  while (batch.size() < most && !side.waiting.empty() &&
         (batch.empty() || rows.source[static_cast<std::size_t>(side.waiting[0])] ==
                               rows.source[static_cast<std::size_t>(batch[0])])) {
    batch.push_back(side.waiting[0]);
    side.waiting.erase(side.waiting.begin());
  }
  std::optional<std::int64_t> max_time;
  if (!rows.engine_time.empty() && pick_.below(8) == 7) {
    max_time = rows.engine_time[pick_.below(static_cast<std::uint32_t>(rows.engine_time.size()))];
  }
  std::int64_t late = 0;
  std::int64_t ahead = 0;
  for (const std::int64_t row : batch) {
    const auto& time = rows.engine_time[static_cast<std::size_t>(row)];
    const bool counts = time && !has_null_key(input, row);
    const bool is_ahead = counts && max_time && *time > *max_time;
    const bool is_late = counts && !is_ahead && *time < side.w;
    late += is_late;
    ahead += is_ahead;
    bool accepted = !is_late && !is_ahead;
    if (is_late && policy(input) == LatePolicy::kRevise) {
      std::int64_t oldest;
      if (side.horizon < 0 || __builtin_sub_overflow(side.w, side.horizon, &oldest)) oldest = INT64_MIN;
      accepted = *time >= oldest;
      side.beyond += !accepted;
    }
    if ((is_late || is_ahead) && policy(input) == LatePolicy::kSideOutput) {
      side.aside.push_back(row);
      side.reasons.push_back(is_ahead ? 1 : 0);
    }
    if (accepted) side.accepted.push_back(row);
  }
  side.late += late;
  side.ahead += ahead;
  const std::vector<std::int64_t> waiting = side.waiting;
  const bool refuses = late > 0 && policy(input) == LatePolicy::kError;
  try {
    const auto report = engine_.push(
        static_cast<int>(input),
        rows.batch(arena_, batch, {}, input == 0, random_.config.streams.size(), true), max_time);
    if (refuses) return "a late row was not refused";
    return report.late == late && report.too_far_ahead == ahead ? "" : "rows were miscounted";
  } catch (const Error& error) {
    const bool full = error.code() == ErrorCode::BACKPRESSURE && random_.config.max_state_bytes >= 0;
    if (!full && !(refuses && error.code() == ErrorCode::LATE_ROW)) throw;
    // The batch is lost, and nothing else has changed.
    sides_[input] = before;
    sides_[input].waiting = waiting;
    return "";
  }
}

Expected StreamPlay::answer(std::size_t with_input, std::int64_t with_row) const {
  std::vector<std::vector<std::int64_t>> rights;
  for (std::size_t s = 1; s < sides_.size(); ++s) {
    rights.push_back(sides_[s].accepted);
    if (with_input == s) rights.back().push_back(with_row);
  }
  return batch_answer(random_, sides_[0].accepted, rights);
}

// Rows put aside, and what they would have changed: with no bound to the horizon nothing is forgotten.
std::string StreamPlay::check_aside(std::size_t input, bool exact) {
  const stream::LateOutput late = engine_.take_late(static_cast<int>(input));
  Side& side = sides_[input];
  if (late.rows != static_cast<std::int64_t>(side.aside.size())) return "rows put aside";
  for (std::size_t i = 0; i < side.aside.size(); ++i) {
    if (late.columns[0].values.as<std::int64_t>()[i] != side.aside[i]) return "another row was put aside";
    if (late.reason.data()[i] != side.reasons[i]) return "reason";
    if (input == 0 || !exact) continue;
    std::vector<std::int64_t> wanted;
    if (side.reasons[i] == 0) {
      const Expected before = answer(0, 0);
      const Expected after = answer(input, side.aside[i]);
      for (std::size_t k = 0; k < before.order.size(); ++k) {
        if (before.matches[input - 1][k] == after.matches[input - 1][k]) continue;
        for (const auto& [id, row] : shown_) {
          if (row.left == before.order[k]) wanted.push_back(id);
        }
      }
    }
    std::sort(wanted.begin(), wanted.end());
    const auto* offsets = late.affected_offsets.as<std::int64_t>();
    const auto* ids = late.affected_ids.as<std::int64_t>();
    std::vector<std::int64_t> got;
    for (std::int64_t k = offsets[i]; k < offsets[i + 1]; ++k) got.push_back(ids[k]);
    if (got != wanted) return "the rows that a late row would have changed";
  }
  side.aside.clear();
  side.reasons.clear();
  return "";
}

// Rows put aside are compared with what is shown, so nothing may be listed for revision: then only no policy revises.
// The horizon must reach from any time to any other, or what was emitted may be forgotten.
bool StreamPlay::reports_exactly() const {
  bool exact = true;
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    std::int64_t low = INT64_MAX;
    std::int64_t high = INT64_MIN;
    for (const auto& time : random_.inputs[i].engine_time) {
      low = std::min(low, time.value_or(low));
      high = std::max(high, time.value_or(high));
    }
    std::int64_t span = 0;
    exact &= sides_[i].horizon < 0 || low > high ||
             (!__builtin_sub_overflow(high, low, &span) && span < sides_[i].horizon);
    exact &= policy(i) != LatePolicy::kRevise;
  }
  for (const auto& shape : random_.config.streams) exact &= !shape.inner;
  return exact;
}

std::string StreamPlay::step(std::size_t input, bool exact) {
  Side& side = sides_[input];
  if (pick_.below(40) == 39) {
    const std::string found = emit(1000);  // revisions that wait must go out first
    if (!found.empty()) return found;
    engine_ = restored(engine_);
  }
  const std::uint32_t what = pick_.below(4);
  if (what < 2) {
    const std::string found = push(input, 1 + pick_.below(4));
    if (!found.empty() || policy(input) != LatePolicy::kSideOutput) return found;
    return check_aside(input, exact);
  }
  if (what == 3 || side.waiting.empty()) return emit(pick_.one_in(4) ? 1 + pick_.below(5) : 1000);
  // Some coming row's time, though earlier ones are still to come.
  const auto row = side.waiting[pick_.below(static_cast<std::uint32_t>(side.waiting.size()))];
  const auto& time = random_.inputs[input].engine_time[static_cast<std::size_t>(row)];
  if (time) {
    engine_.advance(static_cast<int>(input), *time);
    side.w = std::max(side.w, *time);
  }
  return "";
}

std::string StreamPlay::run() {
  const bool exact = reports_exactly();
  for (;;) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      if (!sides_[i].waiting.empty()) open.push_back(i);
    }
    if (open.empty()) break;
    // Mostly one with rows to come: choices that have run dry are all 0, and must come to an end.
    const std::size_t input = pick_.below(4) == 3
                                  ? pick_.below(static_cast<std::uint32_t>(sides_.size()))
                                  : open[pick_.below(static_cast<std::uint32_t>(open.size()))];
    const std::string found = step(input, exact);
    if (!found.empty()) return found;
  }
  engine_.end();
  while (engine_.pending_rows() > 0) {
    const std::int64_t pending = engine_.pending_rows();
    const std::string found = emit(1 + pick_.below(50));
    if (!found.empty()) return found;
    if (engine_.pending_rows() == pending && put_out_ == 0) return "nothing came out after the end";
  }
  const std::string rest = emit(1'000'000);  // revisions that did not fit
  if (!rest.empty()) return rest;
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    if (engine_.state_rows(static_cast<int>(i)) != 0) return "state was left after the end";
    const stream::InputCounters counts = engine_.counters().inputs[i];
    if (counts.late != sides_[i].late || counts.late_beyond_horizon != sides_[i].beyond ||
        counts.too_far_ahead != sides_[i].ahead)
      return "counters";
  }
  return compare(answer(0, 0));
}

std::string StreamPlay::compare(const Expected& expected) const {
  std::map<std::int64_t, std::vector<std::int64_t>> wanted;
  for (std::size_t i = 0; i < expected.order.size(); ++i) {
    std::vector<std::int64_t> matches;
    bool keep = true;
    for (std::size_t s = 0; s < expected.matches.size(); ++s) {
      matches.push_back(expected.matches[s][i]);
      keep &= !random_.config.streams[s].inner || matches.back() >= 0;
    }
    if (keep) wanted[expected.order[i]] = matches;
  }
  if (wanted.size() != shown_.size()) {
    return "rows: " + std::to_string(shown_.size()) + ", expected " + std::to_string(wanted.size());
  }
  for (const auto& [id, row] : shown_) {
    const auto at = wanted.find(row.left);
    if (at == wanted.end()) return "a row too many: " + std::to_string(row.left);
    if (at->second != row.matches) {
      return "left row " + std::to_string(row.left) + " matched " + std::to_string(row.matches[0]) +
             ", expected " + std::to_string(at->second[0]);
    }
  }
  return "";
}

}  // namespace flowstate::test

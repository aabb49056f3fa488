// Watermarks that break their promise. Whatever the policies, the changelog that comes out (retractions and insertions
// applied in order) must end as the batch join over the rows that were accepted; what was not accepted is counted or
// put aside, with the emitted rows it would have changed.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <limits>
#include <map>
#include <numeric>

#include "flowstate/error.h"
#include "support/stream_case.h"
#include "support/stream_restore.h"

namespace flowstate::test {
namespace {

using stream::LatePolicy;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

struct Side {
  std::vector<std::int64_t> waiting;
  std::vector<std::int64_t> accepted;
  std::int64_t w = INT64_MIN;
  std::int64_t late = 0;
  std::int64_t beyond = 0;
  std::vector<std::int64_t> aside;
  std::int64_t horizon = 0;  // in the input's unit; -1: no bound
};

struct Play {
  Choices& pick;
  const StreamCase& random;
  stream::StreamEngine engine;
  Arena arena;
  std::vector<Side> sides;
  std::map<std::int64_t, Emitted> shown;  // by row id

  Play(Choices& choices, const StreamCase& given) : pick(choices), random(given), engine(given.config) {
    sides.resize(random.inputs.size());
    for (std::size_t i = 0; i < sides.size(); ++i) {
      Side& side = sides[i];
      side.waiting.resize(static_cast<std::size_t>(random.inputs[i].rows()));
      std::iota(side.waiting.begin(), side.waiting.end(), 0);
      if (!pick.one_in(3)) side.waiting = random.inputs[i].ordered(side.waiting);
      for (auto n = static_cast<std::uint32_t>(side.waiting.size()); n > 1; --n) {
        std::swap(side.waiting[n - 1], side.waiting[n - 1 - pick.below(std::min<std::uint32_t>(n, 6))]);
      }
      side.horizon = random.config.horizon;
      if (i > 0 &&
          __builtin_mul_overflow(side.horizon, random.config.streams[i - 1].left_scale, &side.horizon)) {
        side.horizon = INT64_MAX;
      }
      if (random.config.horizon_float > 0) side.horizon = -1;
    }
  }

  LatePolicy policy(std::size_t input) const {
    return input == 0 ? random.config.left_late : random.config.streams[input - 1].late;
  }

  // Such a right row counts as nothing else.
  bool has_null_key(std::size_t input, std::int64_t row) const {
    if (input == 0 || random.config.streams[input - 1].null_keys_equal) return false;
    bool null = false;
    for (const Cells& key : random.inputs[input].keys)
      null |= !key[static_cast<std::size_t>(row)].has_value();
    return null;
  }

  std::string emit(std::int64_t most) {
    std::vector<Emitted> rows;
    const stream::EngineOutput output = engine.emit(most);
    const std::string found = read_output(random, output, rows);
    if (!found.empty()) return found;
    for (const Emitted& row : rows) {
      const auto at = shown.find(row.id);
      if (row.op == -1) {
        if (at == shown.end()) return "a retraction of a row that is not there";
        if (at->second.left != row.left || at->second.matches != row.matches)
          return "a retraction of other values";
        shown.erase(at);
      } else {
        if (at != shown.end()) return "an insertion of a row that is there";
        Emitted put = row;
        put.op = 1;
        shown.emplace(row.id, put);
      }
    }
    return "";
  }

  std::string push(std::size_t input, std::size_t most) {
    Side& side = sides[input];
    std::vector<std::int64_t> batch;
    const StreamInput& rows = random.inputs[input];
    while (batch.size() < most && !side.waiting.empty() &&
           (batch.empty() || rows.source[static_cast<std::size_t>(side.waiting[0])] ==
                                 rows.source[static_cast<std::size_t>(batch[0])])) {
      batch.push_back(side.waiting[0]);
      side.waiting.erase(side.waiting.begin());
    }
    std::int64_t late = 0;
    for (const std::int64_t row : batch) {
      const auto& time = rows.engine_time[static_cast<std::size_t>(row)];
      const bool is_late = time && *time < side.w && !has_null_key(input, row);
      late += is_late;
      bool accepted = !is_late;
      if (is_late && policy(input) == LatePolicy::kRevise) {
        std::int64_t oldest;
        if (side.horizon < 0 || __builtin_sub_overflow(side.w, side.horizon, &oldest)) oldest = INT64_MIN;
        accepted = *time >= oldest;
        side.beyond += !accepted;
      }
      if (is_late && policy(input) == LatePolicy::kSideOutput) side.aside.push_back(row);
      if (accepted) side.accepted.push_back(row);
    }
    side.late += late;
    const auto report = engine.push(static_cast<int>(input), rows.batch(arena, batch, {}, input == 0,
                                                                        random.config.streams.size(), true));
    return report.late == late ? "" : "late rows were miscounted";
  }

  Expected answer(std::size_t with_input, std::int64_t with_row) const {
    std::vector<std::vector<std::int64_t>> rights;
    for (std::size_t s = 1; s < sides.size(); ++s) {
      rights.push_back(sides[s].accepted);
      if (with_input == s) rights.back().push_back(with_row);
    }
    return batch_answer(random, sides[0].accepted, rights);
  }

  // Rows put aside, and what they would have changed: with no bound to the horizon nothing is forgotten.
  std::string check_aside(std::size_t input, bool exact) {
    const stream::LateOutput late = engine.take_late(static_cast<int>(input));
    Side& side = sides[input];
    if (late.rows != static_cast<std::int64_t>(side.aside.size())) return "rows put aside";
    for (std::size_t i = 0; i < side.aside.size(); ++i) {
      if (late.columns[0].values.as<std::int64_t>()[i] != side.aside[i]) return "another row was put aside";
      if (late.reason.data()[i] != 0) return "reason";
      if (input == 0 || !exact) continue;
      std::vector<std::int64_t> wanted;
      const Expected before = answer(0, 0);
      const Expected after = answer(input, side.aside[i]);
      for (std::size_t k = 0; k < before.order.size(); ++k) {
        if (before.matches[input - 1][k] == after.matches[input - 1][k]) continue;
        for (const auto& [id, row] : shown) {
          if (row.left == before.order[k]) wanted.push_back(id);
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
    return "";
  }

  std::string run() {
    // Rows put aside are compared with what is shown, so nothing may be listed for revision: then only no policy revises.
    // The horizon must reach from any time to any other, or what was emitted may be forgotten.
    bool exact = true;
    for (std::size_t i = 0; i < sides.size(); ++i) {
      std::int64_t low = INT64_MAX;
      std::int64_t high = INT64_MIN;
      for (const auto& time : random.inputs[i].engine_time) {
        low = std::min(low, time.value_or(low));
        high = std::max(high, time.value_or(high));
      }
      std::int64_t span = 0;
      exact &= sides[i].horizon < 0 || low > high ||
               (!__builtin_sub_overflow(high, low, &span) && span < sides[i].horizon);
    }
    for (std::size_t i = 0; i < sides.size(); ++i) exact &= policy(i) != LatePolicy::kRevise;
    for (const auto& shape : random.config.streams) exact &= !shape.inner;
    for (;;) {
      std::size_t left = 0;
      for (const Side& side : sides) left += side.waiting.size();
      if (left == 0) break;
      const std::size_t input = pick.below(static_cast<std::uint32_t>(sides.size()));
      Side& side = sides[input];
      std::string found;
      if (pick.one_in(40)) {
        found = emit(1000);  // revisions that wait must go out first
        if (found.empty()) engine = restored(engine);
        if (!found.empty()) return found;
      }
      const std::uint32_t what = pick.below(4);
      if (what < 2) {
        found = push(input, 1 + pick.below(4));
        if (found.empty() && policy(input) == LatePolicy::kSideOutput) found = check_aside(input, exact);
      } else if (what == 2 && !side.waiting.empty()) {
        // Some coming row's time, though earlier ones are still to come.
        const auto row = side.waiting[pick.below(static_cast<std::uint32_t>(side.waiting.size()))];
        const auto& time = random.inputs[input].engine_time[static_cast<std::size_t>(row)];
        if (time) {
          engine.advance(static_cast<int>(input), *time);
          side.w = std::max(side.w, *time);
        }
      } else {
        found = emit(pick.one_in(4) ? 2 + pick.below(4) : 1000);
      }
      if (!found.empty()) return found;
    }
    engine.end();
    for (int i = 0; i < 1000; ++i) {
      const std::string found = emit(2 + pick.below(50));
      if (!found.empty()) return found;
    }
    if (engine.pending_rows() != 0) return "rows were left after the end";
    for (std::size_t i = 0; i < sides.size(); ++i) {
      if (engine.state_rows(static_cast<int>(i)) != 0) return "state was left after the end";
      const stream::InputCounters counts = engine.counters().inputs[i];
      if (counts.late != sides[i].late || counts.late_beyond_horizon != sides[i].beyond) return "counters";
    }
    return compare(answer(0, 0));
  }

  std::string compare(const Expected& expected) const {
    std::map<std::int64_t, std::vector<std::int64_t>> wanted;
    for (std::size_t i = 0; i < expected.order.size(); ++i) {
      std::vector<std::int64_t> matches;
      bool keep = true;
      for (std::size_t s = 0; s < expected.matches.size(); ++s) {
        matches.push_back(expected.matches[s][i]);
        keep &= !random.config.streams[s].inner || matches.back() >= 0;
      }
      if (keep) wanted[expected.order[i]] = matches;
    }
    if (wanted.size() != shown.size()) {
      return "rows: " + std::to_string(shown.size()) + ", expected " + std::to_string(wanted.size());
    }
    for (const auto& [id, row] : shown) {
      const auto at = wanted.find(row.left);
      if (at == wanted.end()) return "a row too many: " + std::to_string(row.left);
      if (at->second != row.matches) {
        return "left row " + std::to_string(row.left) + " matched " + std::to_string(row.matches[0]) +
               ", expected " + std::to_string(at->second[0]);
      }
    }
    return "";
  }
};

}  // namespace

TEST_CASE("the changelog ends as the batch join over the accepted rows") {
  const std::uint64_t cases = setting("FS_TEST_CASES", 3000);
  const std::uint64_t first = setting("FS_TEST_SEED", 1);
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    SeededChoices pick(seed);
    StreamCase random = make_stream_case(pick, {seed % 7 == 0 ? 100 : 25, 2});
    const bool is_float = random.config.left_kind == stream::Kind::kFloat;
    static const std::int64_t horizons[] = {0, 1, 3, 8, INT64_MAX};
    const std::uint32_t horizon = pick.below(5);
    random.config.horizon = is_float ? 0 : horizons[horizon];
    random.config.horizon_float = is_float ? std::numeric_limits<double>::infinity() : 0;
    static const LatePolicy policies[] = {LatePolicy::kDrop, LatePolicy::kSideOutput, LatePolicy::kRevise,
                                          LatePolicy::kRevise};
    random.config.left_late = policies[pick.below(4)];
    for (stream::StreamShape& shape : random.config.streams) shape.late = policies[pick.below(4)];
    std::string found;
    try {
      Play play(pick, random);
      found = play.run();
    } catch (const Error& error) {
      found = std::string("threw ") + error.what();
    }
    if (!found.empty()) FAIL("seed " << seed << ": " << found);
  }
  SUCCEED();
}

}  // namespace flowstate::test

// The law: for any order of arrival, batches and watermarks that keep their promises, the rows that come out are the
// batch join's. FS_TEST_CASES and FS_TEST_SEED as in test_join_property.cc.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <numeric>

#include "flowstate/error.h"
#include "support/stream_case.h"
#include "support/stream_restore.h"

namespace flowstate::test {
namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::vector<std::int64_t> all_rows(const StreamInput& input) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(input.rows()));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

// Plays the case in a random order; everything that came out.
std::string play(Choices& pick, const StreamCase& random, stream::StreamEngine& engine,
                 std::vector<Emitted>& out) {
  Arena arena;
  std::vector<std::vector<std::int64_t>> waiting;
  for (const StreamInput& input : random.inputs) {
    std::vector<std::int64_t> rows = all_rows(input);
    const std::uint32_t disorder = pick.below(3);
    if (disorder < 2) rows = input.ordered(rows);
    const auto n = static_cast<std::uint32_t>(rows.size());
    for (std::uint32_t i = n; disorder > 0 && i > 1; --i) {
      const std::uint32_t reach = disorder == 1 ? std::min<std::uint32_t>(i, 5) : i;
      std::swap(rows[i - 1], rows[i - 1 - pick.below(reach)]);
    }
    waiting.push_back(std::move(rows));
  }
  const auto emit = [&](std::int64_t most) -> std::string {
    const stream::EngineOutput output = engine.emit(most);
    return read_output(random, output, out);
  };
  const std::size_t streams = random.config.streams.size();
  for (;;) {
    std::size_t left = 0;
    for (const auto& rows : waiting) left += rows.size();
    if (left == 0) break;
    // Killed and restarted: the same goes on in another engine.
    if (pick.one_in(40)) engine = restored(engine);
    const std::size_t input = pick.below(static_cast<std::uint32_t>(streams) + 1);
    std::vector<std::int64_t>& rows = waiting[input];
    if (pick.one_in(2)) {
      // The rows at the front that come from one source.
      std::vector<std::int64_t> batch;
      const std::size_t most = 1 + pick.below(8);
      while (batch.size() < most && !rows.empty() &&
             (batch.empty() || random.inputs[input].source[static_cast<std::size_t>(rows[0])] ==
                                   random.inputs[input].source[static_cast<std::size_t>(batch[0])])) {
        batch.push_back(rows[0]);
        rows.erase(rows.begin());
      }
      Layout layout;
      layout.bit_offset = pick.one_in(2) ? 0 : pick.below(13);
      layout.always_validity = pick.one_in(4);
      engine.push(static_cast<int>(input),
                  random.inputs[input].batch(arena, batch, layout, input == 0, streams, true));
    } else if (pick.one_in(2)) {
      // As far as the promise goes: no coming row is earlier.
      std::int64_t low = INT64_MAX;
      for (const std::int64_t row : rows) {
        const auto& time = random.inputs[input].engine_time[static_cast<std::size_t>(row)];
        if (time) low = std::min(low, *time);
      }
      if (low > INT64_MIN + 2 && pick.one_in(3)) low -= pick.below(3);
      engine.advance(static_cast<int>(input), low);
    } else {
      const std::string found = emit(pick.one_in(4) ? pick.below(4) : 1000);
      if (!found.empty()) return found;
    }
  }
  engine.end();
  for (int i = 0; i < 10000; ++i) {
    const std::size_t before = out.size();
    const std::int64_t pending = engine.pending_rows();
    if (pending == 0 && i > 0) break;
    const std::string found = emit(1 + pick.below(50));
    if (!found.empty()) return found;
    if (pending > 0 && out.size() == before && engine.pending_rows() == pending)
      return "nothing came out after the end";
  }
  if (engine.pending_rows() != 0) return "rows were left after the end";
  for (std::size_t s = 0; s <= streams; ++s) {
    if (engine.state_rows(static_cast<int>(s)) != 0) return "state was left after the end";
  }
  return "";
}

std::string difference(const StreamCase& random, const Expected& expected, std::vector<Emitted> got) {
  std::vector<Emitted> wanted;
  bool has_untimed = false;
  for (const auto& time : random.inputs[0].engine_time) has_untimed |= !time.has_value();
  const bool in_order = random.config.ordered && !has_untimed;
  for (std::size_t i = 0; i < expected.order.size(); ++i) {
    // Rows are numbered as they become final, those that an inner stream drops too.
    Emitted row{expected.order[i], {}, static_cast<std::int64_t>(i), 1};
    bool keep = true;
    for (std::size_t s = 0; s < expected.matches.size(); ++s) {
      row.matches.push_back(expected.matches[s][i]);
      keep &= !random.config.streams[s].inner || row.matches.back() >= 0;
    }
    if (keep) wanted.push_back(std::move(row));
  }
  if (got.size() != wanted.size()) {
    return "rows: " + std::to_string(got.size()) + ", expected " + std::to_string(wanted.size());
  }
  const auto all = static_cast<std::int64_t>(expected.order.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (in_order ? got[i].id != wanted[i].id : got[i].id >= all || (i > 0 && got[i].id <= got[i - 1].id))
      return "row ids";
  }
  if (!in_order) {
    const auto by_left = [](const Emitted& a, const Emitted& b) { return a.left < b.left; };
    std::sort(got.begin(), got.end(), by_left);
    std::sort(wanted.begin(), wanted.end(), by_left);
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i].left != wanted[i].left) return "place " + std::to_string(i) + ": the wrong left row";
    for (std::size_t s = 0; s < got[i].matches.size(); ++s) {
      if (got[i].matches[s] != wanted[i].matches[s]) {
        return "left row " + std::to_string(got[i].left) + " matched " + std::to_string(got[i].matches[s]) +
               " in stream " + std::to_string(s) + ", expected " + std::to_string(wanted[i].matches[s]);
      }
    }
  }
  return "";
}

}  // namespace

TEST_CASE("a stream's rows are the batch join's, whatever the arrival") {
  const std::uint64_t cases = setting("FS_TEST_CASES", 4000);
  const std::uint64_t first = setting("FS_TEST_SEED", 1);
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    SeededChoices pick(seed);
    const StreamCase random = make_stream_case(pick, {seed % 7 == 0 ? 400 : 30, 3});
    std::vector<std::vector<std::int64_t>> rights;
    for (std::size_t s = 1; s < random.inputs.size(); ++s) rights.push_back(all_rows(random.inputs[s]));
    const Expected expected = batch_answer(random, all_rows(random.inputs[0]), rights);
    std::vector<Emitted> got;
    std::string found;
    stream::StreamEngine engine(random.config);
    try {
      found = play(pick, random, engine, got);
    } catch (const Error& error) {
      found = std::string("threw ") + error.what();
    }
    if (found.empty()) found = difference(random, expected, got);
    if (!found.empty()) FAIL("seed " << seed << ": " << found);
  }
  SUCCEED();
}

}  // namespace flowstate::test

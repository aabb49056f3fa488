// Memory that runs out: every call on the engine is tried with its first allocation failing, then with its second, and so
// on until it comes through. Whatever failed has to have changed nothing: an engine to which none of this happened goes
// the same way beside it, and after every call both have said and hold the same. A program of its own, as it replaces
// operator new. FS_TEST_CASES and FS_TEST_SEED as in test_join_property.cc.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>
#include <numeric>

#include "flowstate/error.h"
#include "support/stream_play.h"
#include "support/stream_restore.h"

namespace {

// Allocations until one fails, once; negative: none does.
thread_local std::int64_t allocations_left = -1;

bool fails() noexcept { return allocations_left >= 0 && allocations_left-- == 0; }

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (fails()) return nullptr;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size == 0 ? 1 : size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  void* memory = allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate_or_throw(size, 1); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, 1); }
void* operator new(std::size_t size, std::align_val_t at) {
  return allocate_or_throw(size, static_cast<std::size_t>(at));
}
void* operator new[](std::size_t size, std::align_val_t at) {
  return allocate_or_throw(size, static_cast<std::size_t>(at));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 1); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 1); }
void* operator new(std::size_t size, std::align_val_t at, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<std::size_t>(at));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace flowstate::test {
namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// The call's result after all its allocations have failed once each; how often it failed is added to `failures`.
template <typename Call>
auto try_all(std::int64_t& failures, Call&& call) {
  for (std::int64_t at = 0;; ++at) {
    allocations_left = at;
    try {
      auto result = call();
      allocations_left = -1;
      return result;
    } catch (const std::bad_alloc&) {
      allocations_left = -1;
    } catch (const Error& error) {
      allocations_left = -1;
      if (error.code() != ErrorCode::OUT_OF_MEMORY) throw;
    }
    ++failures;
  }
}

template <typename T>
bool same_bytes(const T& a, const T& b) {
  return a.size() == b.size() && std::equal(a.data(), a.data() + a.size(), b.data());
}

std::string compare_counters(const stream::StreamEngine& a, const stream::StreamEngine& b, bool rows) {
  const stream::EngineCounters x = a.counters();
  const stream::EngineCounters y = b.counters();
  if (x.next_row_id != y.next_row_id || x.revisions != y.revisions) return "counters";
  for (std::size_t i = 0; i < x.inputs.size(); ++i) {
    const stream::InputCounters& p = x.inputs[i];
    const stream::InputCounters& q = y.inputs[i];
    if (p.rows != q.rows || p.late != q.late || p.late_beyond_horizon != q.late_beyond_horizon ||
        p.null_time != q.null_time || p.null_key != q.null_key)
      return "counters of an input";
    const int input = static_cast<int>(i);
    // A failed push may already have let go what nobody needs, as the next emit does.
    if (rows && a.state_rows(input) != b.state_rows(input)) return "rows held";
  }
  return a.pending_rows() == b.pending_rows() ? "" : "rows that wait";
}

struct Pair {
  const StreamCase& random;
  stream::StreamEngine subject;
  stream::StreamEngine control;
  std::int64_t failures = 0;

  explicit Pair(const StreamCase& given) : random(given), subject(given.config), control(given.config) {}

  std::string push(int input, const stream::EngineBatch& batch) {
    const auto attempt = [&](stream::StreamEngine& engine) {
      try {
        engine.push(input, batch);
        return false;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::LATE_ROW) throw;
        return true;
      }
    };
    const bool refused = try_all(failures, [&] { return attempt(subject); });
    if (refused != attempt(control)) return "one refused the batch";
    return compare_counters(subject, control, false);
  }

  std::string emit(std::int64_t most) {
    const stream::EngineOutput a = try_all(failures, [&] { return subject.emit(most); });
    const stream::EngineOutput b = control.emit(most);
    std::vector<Emitted> x;
    std::vector<Emitted> y;
    std::string found = read_output(random, a, x);
    if (found.empty()) found = read_output(random, b, y);
    if (!found.empty()) return found;
    if (x != y) return "other rows came out";
    return compare_counters(subject, control, most == INT64_MAX);
  }

  std::string take_late(int input) {
    const stream::LateOutput a = try_all(failures, [&] { return subject.take_late(input); });
    const stream::LateOutput b = control.take_late(input);
    const bool same = a.rows == b.rows && same_bytes(a.sequence, b.sequence) &&
                      same_bytes(a.affected_offsets, b.affected_offsets) &&
                      same_bytes(a.affected_ids, b.affected_ids);
    return same ? "" : "other rows were put aside";
  }

  void restart() {
    subject = try_all(failures, [&] { return restored(subject); });
    control = restored(control);
  }
};

std::string play(Choices& pick, const StreamCase& random, std::int64_t& failures, std::int64_t& revisions) {
  Pair pair(random);
  Arena arena;
  std::vector<std::vector<std::int64_t>> waiting;
  for (const StreamInput& input : random.inputs) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(input.rows()));
    std::iota(rows.begin(), rows.end(), 0);
    for (auto n = static_cast<std::uint32_t>(rows.size()); n > 1; --n) {
      std::swap(rows[n - 1], rows[pick.below(n)]);
    }
    waiting.push_back(std::move(rows));
  }
  std::string found;
  for (int steps = 0; steps < 60 && found.empty(); ++steps) {
    const std::uint32_t input = pick.below(static_cast<std::uint32_t>(waiting.size()));
    std::vector<std::int64_t>& rows = waiting[input];
    const StreamInput& from = random.inputs[input];
    switch (pick.below(8)) {
      default: {
        std::vector<std::int64_t> batch;
        const std::size_t most = 1 + pick.below(4);
        while (batch.size() < most && !rows.empty() &&
               (batch.empty() || from.source[static_cast<std::size_t>(rows[0])] ==
                                     from.source[static_cast<std::size_t>(batch[0])])) {
          batch.push_back(rows[0]);
          rows.erase(rows.begin());
        }
        found = pair.push(static_cast<int>(input),
                          from.batch(arena, batch, {}, input == 0, random.config.streams.size(), true));
        break;
      }
      case 0:
      case 5: {
        if (rows.empty()) break;
        const auto& time = from.engine_time[static_cast<std::size_t>(
            rows[pick.below(static_cast<std::uint32_t>(rows.size()))])];
        if (!time) break;
        pair.subject.advance(static_cast<int>(input), *time);
        pair.control.advance(static_cast<int>(input), *time);
        break;
      }
      case 1:
      case 2:
        found = pair.emit(pick.one_in(3) ? 1 + pick.below(4) : INT64_MAX);
        break;
      case 3:
        found = pair.take_late(static_cast<int>(input));
        break;
      case 4: {
        found = pair.emit(INT64_MAX);
        for (int i = 0; i < pair.subject.inputs() && found.empty(); ++i) found = pair.take_late(i);
        if (found.empty()) pair.restart();
        break;
      }
    }
  }
  if (!found.empty()) return found;
  pair.subject.end();
  pair.control.end();
  found = pair.emit(INT64_MAX);
  failures += pair.failures;
  revisions += pair.control.counters().revisions;
  return found;
}

}  // namespace

TEST_CASE("a call that runs out of memory, wherever it does, has changed nothing") {
  const std::uint64_t cases = setting("FS_TEST_CASES", 600);
  const std::uint64_t first = setting("FS_TEST_SEED", 1);
  std::int64_t failures = 0;
  std::int64_t revisions = 0;
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    SeededChoices pick(seed);
    StreamCase random = make_late_case(pick, {seed % 5 == 0 ? 120 : 25, 2});
    random.config.max_state_bytes = -1;
    if (seed % 2 == 0) {  // late rows are the rule, and all of them change what went out
      random.config.left_late = stream::LatePolicy::kRevise;
      for (stream::StreamShape& shape : random.config.streams) shape.late = stream::LatePolicy::kRevise;
      if (random.config.left_kind != stream::Kind::kFloat) random.config.horizon = INT64_MAX;
    }
    random.config.sweep_each_emit = true;
    std::string found;
    try {
      found = play(pick, random, failures, revisions);
    } catch (const Error& error) {
      found = std::string("threw ") + error.what();
    }
    if (!found.empty()) FAIL("seed " << seed << ": " << found);
  }
  CHECK(failures > 0);
  CHECK(revisions > 0);
}

}  // namespace flowstate::test

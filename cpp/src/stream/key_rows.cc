#include "key_rows.h"

#include <new>
#include <utility>

namespace flowstate::stream {

namespace {

constexpr std::uint32_t kFirstCapacity = 16;
constexpr std::uint32_t kSpareCapacity = 64;  // larger runs are not worth keeping: few keys have them
constexpr std::size_t kMostSpare = 4096;

RowRun make_run(std::uint32_t capacity) {
  RowRun run;
  run.memory = std::make_unique_for_overwrite<std::uint8_t[]>(std::size_t{capacity} * 12);
  run.capacity = capacity;
  return run;
}

}  // namespace

std::unique_ptr<RowRuns> SpareRuns::take() {
  if (!spare_.empty()) {
    std::unique_ptr<RowRuns> runs = std::move(spare_.back());
    spare_.pop_back();
    return runs;
  }
  auto runs = std::make_unique<RowRuns>();
  runs->runs.push_back(make_run(kFirstCapacity));
  return runs;
}

void SpareRuns::give(RowRuns* runs) noexcept {
  std::unique_ptr<RowRuns> owned(runs);
  if (spare_.size() >= kMostSpare || runs->runs.empty() || runs->runs[0].capacity > kSpareCapacity) return;
  runs->runs.erase(runs->runs.begin() + 1, runs->runs.end());
  runs->runs[0].begin = runs->runs[0].count = 0;
  try {
    spare_.push_back(std::move(owned));
  } catch (const std::bad_alloc&) {
    // Freed, then.
  }
}

// Room for one more entry at the end of a run that is not full.
void KeyRows::widen(Run& run) {
  if (run.begin + run.count < run.capacity) return;
  if (run.begin >= run.capacity / 4) {
    std::int64_t* times = run.times();
    std::uint32_t* slots = run.slots();
    std::memmove(times - run.begin, times, std::size_t{run.count} * 8);
    std::memmove(slots - run.begin, slots, std::size_t{run.count} * 4);
    run.begin = 0;
    return;
  }
  Run wider = make_run(std::min(kRunRows + kRunRows / 4, run.capacity * 2));
  std::memcpy(wider.times(), run.times(), std::size_t{run.count} * 8);
  std::memcpy(wider.slots(), run.slots(), std::size_t{run.count} * 4);
  wider.count = run.count;
  run = std::move(wider);
}

void KeyRows::grow_tall(SpareRuns& spare) {
  std::unique_ptr<RowRuns> many = spare.take();
  Run& run = many->runs[0];
  for (std::uint32_t i = 0; i < count_; ++i) {
    run.times()[i] = few_.times[i];
    run.slots()[i] = few_.slots[i];
  }
  run.count = count_;
  many_ = many.release();
  tall_ = true;
}

void KeyRows::shrink_inline(SpareRuns& spare) noexcept {
  Few few{};
  std::uint32_t i = 0;
  for (const Run& run : many_->runs) {
    for (std::uint32_t k = 0; k < run.count; ++k, ++i) {
      few.times[i] = run.times()[k];
      few.slots[i] = run.slots()[k];
    }
  }
  spare.give(many_);
  few_ = few;
  tall_ = false;
}

void KeyRows::clear() noexcept {
  if (tall_) delete many_;
  tall_ = false;
  count_ = 0;
}

Place KeyRows::last_upto_tall(std::int64_t bound) const noexcept {
  const auto& runs = many_->runs;
  // The newest and the oldest run are asked first: a left row is seldom anywhere else.
  std::size_t r = runs.size() - 1;
  if (runs[r].times()[0] > bound) {
    std::size_t low = 0;  // runs before it begin at or before the bound
    std::size_t high = r;
    if (high > 1 && runs[1].times()[0] > bound) high = 1;
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (runs[middle].times()[0] <= bound) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low == 0) return {};
    r = low - 1;
  }
  const Run& run = runs[r];
  const std::int64_t* times = run.times();
  const auto at = static_cast<std::int32_t>(std::upper_bound(times, times + run.count, bound) - times);
  return {static_cast<std::int32_t>(r), at - 1};
}

void KeyRows::insert_tall(std::int64_t time, std::uint32_t slot, const RowStore& store) {
  auto& runs = many_->runs;
  const auto before = [&](const Run& run, std::uint32_t i) {  // whether the new row goes before entry i
    return run.times()[i] > time || (run.times()[i] == time && store.before(slot, run.slots()[i]));
  };
  std::size_t r = runs.size() - 1;
  std::uint32_t at = runs[r].count;
  if (before(runs[r], at - 1)) {
    std::size_t low = 0;  // the first run whose first entry comes after the new row
    std::size_t high = runs.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (before(runs[middle], 0)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    r = low == 0 ? 0 : low - 1;
    std::uint32_t from = 0;
    std::uint32_t to = runs[r].count;
    while (from < to) {
      const std::uint32_t middle = (from + to) / 2;
      if (before(runs[r], middle)) {
        to = middle;
      } else {
        from = middle + 1;
      }
    }
    at = from;
  }
  if (runs[r].count >= kRunRows) {
    const bool append = at == runs[r].count;
    Run fresh = make_run(append ? 64 : kRunRows);
    runs.reserve(runs.size() + 1);
    const std::uint32_t stay = append ? at : runs[r].count / 2;
    if (!append) {
      const std::uint32_t move = runs[r].count - stay;
      std::memcpy(fresh.times(), runs[r].times() + stay, std::size_t{move} * 8);
      std::memcpy(fresh.slots(), runs[r].slots() + stay, std::size_t{move} * 4);
      fresh.count = move;
      runs[r].count = stay;
    }
    runs.insert(runs.begin() + static_cast<std::ptrdiff_t>(r) + 1, std::move(fresh));
    if (append || at > stay) {
      ++r;
      at -= stay;
    }
  }
  Run& run = runs[r];
  if (at == 0 && run.begin > 0) {
    --run.begin;
  } else {
    widen(run);
    std::int64_t* times = run.times();
    std::uint32_t* slots = run.slots();
    std::memmove(times + at + 1, times + at, std::size_t{run.count - at} * 8);
    std::memmove(slots + at + 1, slots + at, std::size_t{run.count - at} * 4);
  }
  run.times()[at] = time;
  run.slots()[at] = slot;
  ++run.count;
  ++count_;
}

void KeyRows::erase(std::int64_t time, std::uint32_t slot, const RowStore& store, SpareRuns& spare) noexcept {
  Place place = first_from(time);
  while (place.found() && this->slot(place) != slot) {
    // Equal times are few, or the row is found by its order.
    if (store.before(slot, this->slot(place))) break;
    place = next(place);
  }
  if (!place.found() || this->slot(place) != slot) return;
  if (!tall_) {
    --count_;
    for (auto i = static_cast<std::uint32_t>(place.at); i < count_; ++i) {
      few_.times[i] = few_.times[i + 1];
      few_.slots[i] = few_.slots[i + 1];
    }
    return;
  }
  auto& runs = many_->runs;
  Run& run = runs[static_cast<std::size_t>(place.run)];
  const auto at = static_cast<std::uint32_t>(place.at);
  --run.count;
  --count_;
  std::memmove(run.times() + at, run.times() + at + 1, std::size_t{run.count - at} * 8);
  std::memmove(run.slots() + at, run.slots() + at + 1, std::size_t{run.count - at} * 4);
  if (run.count == 0) runs.erase(runs.begin() + place.run);
  if (count_ <= kInlineRows) shrink_inline(spare);
}

}  // namespace flowstate::stream

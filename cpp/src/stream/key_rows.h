// The right rows of one key in order of (time, source, sequence): (time, slot) entries.
//
// Up to eight lie in the key itself, the first three of them in one cache line with all else that is looked at, which is
// all that most keys of a market stream ever need; more go to
// runs of at most kRunRows entries, so that an insertion moves little wherever it falls and a million rows that arrive
// backwards cost n log n. Entries leave at the front.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "row_store.h"

namespace flowstate::stream {

inline constexpr std::uint32_t kInlineRows = 8;
inline constexpr std::uint32_t kRunRows = 256;

// Where an entry lies; `run` is 0 for inline rows.
struct Place {
  std::int32_t run = -1;
  std::int32_t at = -1;
  bool found() const noexcept { return run >= 0; }
};

// A run of entries in one block of memory, and the runs of a key.
struct RowRun {
  std::unique_ptr<std::uint8_t[]> memory;
  std::uint32_t begin = 0;
  std::uint32_t count = 0;
  std::uint32_t capacity = 0;
  std::int64_t* times() const noexcept { return reinterpret_cast<std::int64_t*>(memory.get()) + begin; }
  std::uint32_t* slots() const noexcept {
    return reinterpret_cast<std::uint32_t*>(memory.get() + std::size_t{capacity} * 8) + begin;
  }
};
struct RowRuns {
  std::vector<RowRun> runs;  // none empty
};

// Runs that keys have done with, for the next: with a few rows per key and batch, keys grow past their line and come back
// with every batch, and an allocation each time cost more than all else that is done with such a row.
class SpareRuns {
 public:
  // One with a single empty run. Throws std::bad_alloc.
  std::unique_ptr<RowRuns> take();
  // Takes it where it is small and not too many are there; else it is freed.
  void give(RowRuns* runs) noexcept;

 private:
  std::vector<std::unique_ptr<RowRuns>> spare_;
};

class alignas(64) KeyRows {
 public:
  KeyRows() noexcept { std::memset(&few_, 0, sizeof few_); }
  KeyRows(KeyRows&& other) noexcept { take(other); }
  KeyRows& operator=(KeyRows&& other) noexcept {
    if (this != &other) {
      clear();
      take(other);
    }
    return *this;
  }
  ~KeyRows() { clear(); }

  std::uint32_t count() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }

  // Adds a row of the store in its place. Throws std::bad_alloc and then has changed nothing.
  void insert(std::int64_t time, std::uint32_t slot, const RowStore& store, SpareRuns& spare) {
    if (!tall_) {
      if (count_ < kInlineRows) return insert_inline(time, slot, store);
      grow_tall(spare);
    }
    insert_tall(time, slot, store);
  }

  // Takes one entry out again; it must be there.
  void erase(std::int64_t time, std::uint32_t slot, const RowStore& store, SpareRuns& spare) noexcept;

  // Last entry with time <= bound.
  Place last_upto(std::int64_t bound) const noexcept {
    if (!tall_) {
      auto i = static_cast<std::int32_t>(count_) - 1;
      while (i >= 0 && few_.times[i] > bound) --i;
      return i < 0 ? Place{} : Place{0, i};
    }
    return last_upto_tall(bound);
  }
  // First entry with time >= bound.
  Place first_from(std::int64_t bound) const noexcept {
    if (bound == INT64_MIN) return front();
    return after(last_upto(bound - 1));
  }

  Place front() const noexcept { return count_ == 0 ? Place{} : Place{0, 0}; }
  Place next(Place place) const noexcept {
    if (!tall_) return place.at + 1 < static_cast<std::int32_t>(count_) ? Place{0, place.at + 1} : Place{};
    return next_tall(place);
  }
  Place previous(Place place) const noexcept {
    if (place.at > 0) return {place.run, place.at - 1};
    if (!tall_ || place.run == 0) return {};
    return {place.run - 1,
            static_cast<std::int32_t>(many_->runs[static_cast<std::size_t>(place.run - 1)].count) - 1};
  }
  // The entry after `place`, the first one where there is none.
  Place after(Place place) const noexcept { return place.found() ? next(place) : front(); }

  std::int64_t time(Place place) const noexcept {
    return tall_ ? many_->runs[static_cast<std::size_t>(place.run)].times()[place.at] : few_.times[place.at];
  }
  std::uint32_t slot(Place place) const noexcept {
    return tall_ ? many_->runs[static_cast<std::size_t>(place.run)].slots()[place.at] : few_.slots[place.at];
  }

  // Entries before `place` (all of them where it is none) leave; drop(slot) for each.
  template <typename Drop>
  void drop_before(Place place, SpareRuns& spare, Drop&& drop) noexcept {
    if (count_ == 0) return;
    if (!tall_) {
      const std::uint32_t gone = place.found() ? static_cast<std::uint32_t>(place.at) : count_;
      if (gone == 0) return;
      for (std::uint32_t i = 0; i < gone; ++i) drop(few_.slots[i]);
      count_ -= gone;
      for (std::uint32_t i = 0; i < count_; ++i) {
        few_.times[i] = few_.times[i + gone];
        few_.slots[i] = few_.slots[i + gone];
      }
      return;
    }
    drop_tall(place, spare, [&](const std::uint32_t* slots, std::uint32_t n) {
      for (std::uint32_t i = 0; i < n; ++i) drop(slots[i]);
    });
  }

  template <typename Visit>
  void each(Visit&& visit) const {
    for (Place place = front(); place.found(); place = next(place)) visit(slot(place));
  }

  void clear() noexcept;

 private:
  using Run = RowRun;
  struct Few {
    std::uint32_t slots[kInlineRows];
    std::int64_t times[kInlineRows];
  };
  using Dropped = void (*)(void*, const std::uint32_t*, std::uint32_t);

  void take(KeyRows& other) noexcept {
    std::memcpy(static_cast<void*>(&few_), static_cast<const void*>(&other.few_), sizeof few_);
    count_ = other.count_;
    tall_ = other.tall_;
    listed = other.listed;
    kept = other.kept;
    other.count_ = 0;
    other.tall_ = false;
  }

  void insert_inline(std::int64_t time, std::uint32_t slot, const RowStore& store) noexcept {
    std::uint32_t i = count_;
    while (i > 0 && (few_.times[i - 1] > time ||
                     (few_.times[i - 1] == time && store.before(slot, few_.slots[i - 1])))) {
      few_.times[i] = few_.times[i - 1];
      few_.slots[i] = few_.slots[i - 1];
      --i;
    }
    few_.times[i] = time;
    few_.slots[i] = slot;
    ++count_;
  }

  static void widen(Run& run);
  void grow_tall(SpareRuns& spare);
  void shrink_inline(SpareRuns& spare) noexcept;
  void insert_tall(std::int64_t time, std::uint32_t slot, const RowStore& store);
  Place last_upto_tall(std::int64_t bound) const noexcept;
  Place next_tall(Place place) const noexcept {
    const auto& runs = many_->runs;
    if (place.at + 1 < static_cast<std::int32_t>(runs[static_cast<std::size_t>(place.run)].count)) {
      return {place.run, place.at + 1};
    }
    return place.run + 1 < static_cast<std::int32_t>(runs.size()) ? Place{place.run + 1, 0} : Place{};
  }
  template <typename Drop>
  void drop_tall(Place place, SpareRuns& spare, Drop&& drop) noexcept {
    auto& runs = many_->runs;
    const std::size_t whole = place.found() ? static_cast<std::size_t>(place.run) : runs.size();
    for (std::size_t r = 0; r < whole; ++r) {
      drop(runs[r].slots(), runs[r].count);
      count_ -= runs[r].count;
      runs[r].count = 0;
    }
    if (place.found() && place.at > 0) {
      Run& run = runs[whole];
      const auto gone = static_cast<std::uint32_t>(place.at);
      drop(run.slots(), gone);
      run.begin += gone;
      run.count -= gone;
      count_ -= gone;
    }
    if (count_ <= kInlineRows) return shrink_inline(spare);
    if (whole > 0) runs.erase(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(whole));
  }

  std::uint32_t count_ = 0;
  bool tall_ = false;

 public:
  bool listed = false;  // in the stream's list of keys that may have rows to evict

 private:
  union {
    Few few_;
    RowRuns* many_;
  };

 public:
  std::int64_t kept = -1;  // newest emitted left row of this key that is still kept
};
static_assert(sizeof(KeyRows) == 128);

}  // namespace flowstate::stream

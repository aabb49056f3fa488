// Levels in a window of consecutive keys, as an array of ids and a bitmap, with an ordered map for every key outside.
//
// The window is a cache of the price range, never a limit of it: a key is in the array exactly when it lies in
// [low, low + W), else in the map, and both are searched wherever both can hold the answer. In the array a key's slot is
// key mod W, so that moving the window moves only the levels that enter or leave it.
//
// Cost: find, insert, erase, best O(1) in the window, O(log n) in the map. The window moves to the best level once the
// keys looked for outside it outnumber a quarter of what it holds (and 32), so moving is O(log n) amortised per such
// look-up: a single far quote never moves it, a market that has moved does after some tens of look-ups.
#pragma once

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <memory>
#include <memory_resource>
#include <string>
#include <vector>

#include "orderbook/detail/bitmap.h"
#include "orderbook/detail/compiler.h"
#include "orderbook/level.h"

namespace orderbook {

class LadderLevels {
 public:
  LadderLevels(const BookOptions& options, std::size_t ladders)
      : window_(
            std::bit_ceil(std::clamp<std::uint32_t>(options.window_ticks, 64, detail::Bitmap::kMaxSlots))),
        shift_(std::countr_zero(window_)),
        words_(detail::Bitmap::words(window_)),
        slots_(ladders * window_),
        bits_(ladders * words_),
        ladders_(ladders),
        nodes_(std::make_unique<std::pmr::unsynchronized_pool_resource>()),
        outside_(ladders) {
    if (options.prefault) {
      slots_.prefault();
      bits_.prefault();
    }
  }

  [[nodiscard]] LevelId find(LadderIndex ladder, LevelKey key) {
    const Ladder& l = ladders_[ladder];
    if (offset(l, key) < window_) [[likely]]
      return slots_[slot(ladder, key)];
    return find_outside(ladder, key);
  }

  [[nodiscard]] LevelId peek(LadderIndex ladder, LevelKey key) const noexcept {
    if (offset(ladders_[ladder], key) < window_) return slots_[slot(ladder, key)];
    if (outside_[ladder] == nullptr) return 0;
    const auto found = outside_[ladder]->find(key);
    return found == outside_[ladder]->end() ? 0 : found->second;
  }

  void insert(LadderIndex ladder, LevelKey key, LevelId id) {
    Ladder& l = ladders_[ladder];
    if (l.levels == 0) l.low = low_for(key);  // an empty window moves for nothing
    if (offset(l, key) < window_) [[likely]] {
      put(ladder, key, id);
    } else {
      map_of(ladder).emplace(key, id);
    }
    if (l.levels++ == 0 || key > l.best_key) {
      l.best_key = key;
      l.best = id;
    }
  }

  void erase(LadderIndex ladder, LevelKey key) noexcept {
    Ladder& l = ladders_[ladder];
    if (offset(l, key) < window_) [[likely]] {
      slots_[slot(ladder, key)] = 0;
      bitmap(ladder).clear(index(key));
      --l.inside;
    } else {
      outside_[ladder]->erase(key);
    }
    --l.levels;
    if (key == l.best_key) {
      l.best = l.levels == 0 ? 0 : worse(ladder, key, l.best_key);
    }
  }

  [[nodiscard]] LevelId best(LadderIndex ladder) const noexcept { return ladders_[ladder].best; }
  [[nodiscard]] LevelKey best_key(LadderIndex ladder) const noexcept { return ladders_[ladder].best_key; }
  [[nodiscard]] LevelId next_worse(LadderIndex ladder, LevelKey key) const noexcept {
    LevelKey found = 0;
    return worse(ladder, key, found);
  }
  // In the window a walk reads the words of the bitmap from the best downwards and around the end of the ring, until it
  // has met all levels.
  template <class F>
  void walk(LadderIndex ladder, F&& visit) const {
    const Ladder& l = ladders_[ladder];
    if (l.inside != l.levels) {
      LevelKey key = l.best_key;
      for (LevelId id = l.best; id != 0 && visit(id); id = worse(ladder, key, key)) continue;
      return;
    }
    const detail::Bitmap map = bitmap(ladder);
    const LevelId* slots = slots_.data() + (ladder << shift_);
    std::uint32_t from = index(l.best_key);
    for (std::uint32_t left = l.levels; left != 0;) {
      std::uint64_t bits = map.word_up_to(from);
      const std::uint32_t base = from & ~std::uint32_t{63};
      for (; bits != 0 && left != 0; --left) {
        const std::uint32_t bit = detail::Bitmap::highest(bits);
        bits ^= std::uint64_t{1} << bit;
        if (!visit(slots[base + bit])) return;
      }
      if (left == 0) return;
      from = base == 0 ? detail::Bitmap::kNone : map.at_or_below(base - 1);
      if (from == detail::Bitmap::kNone) from = map.at_or_below(window_ - 1);
    }
  }
  [[nodiscard]] std::size_t size(LadderIndex ladder) const noexcept { return ladders_[ladder].levels; }
  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t outside = 0;
    for (const auto& map : outside_) outside += map == nullptr ? 0 : map->size();
    return slots_.bytes() + bits_.bytes() + ladders_.size() * sizeof(Ladder) + outside * 48;
  }

  // Levels outside the window now; for tests and statistics.
  [[nodiscard]] std::size_t outside(LadderIndex ladder) const noexcept {
    return ladders_[ladder].levels - ladders_[ladder].inside;
  }
  [[nodiscard]] std::uint32_t window() const noexcept { return window_; }

  [[nodiscard]] std::string check(LadderIndex ladder) const {
    const Ladder& l = ladders_[ladder];
    std::size_t inside = 0;
    bool any = false;
    LevelKey best = 0;
    LevelId best_id = 0;
    const auto meet = [&](LevelKey key, LevelId id) {
      if (!any || key > best) {
        best = key;
        best_id = id;
      }
      any = true;
    };
    for (std::uint32_t i = 0; i < window_; ++i) {
      const LevelKey key = key_at(l, i);
      const LevelId id = slots_[slot(ladder, key)];
      if ((id != 0) != bitmap(ladder).test(index(key))) return "ladder: bitmap and slots differ";
      if (id == 0) continue;
      ++inside;
      meet(key, id);
    }
    if (inside != l.inside) return "ladder: count of levels in the window";
    std::size_t outside = 0;
    if (outside_[ladder] != nullptr) {
      for (const auto& [key, id] : *outside_[ladder]) {
        if (offset(l, key) < window_) return "ladder: a level of the window is in the map";
        meet(key, id);
        ++outside;
      }
    }
    if (inside + outside != l.levels) return "ladder: count of levels";
    if (any != (l.best != 0)) return "ladder: best where there is none, or none where there is";
    if (any && (best != l.best_key || best_id != l.best)) return "ladder: the best level is another one";
    return {};
  }

 private:
  using Map = std::pmr::map<LevelKey, LevelId>;

  struct Ladder {
    LevelKey best_key = 0;
    LevelKey low = 0;  // the window is [low, low + window_), inside int64
    LevelId best = 0;
    std::uint32_t levels = 0;
    std::uint32_t inside = 0;  // of them, in the window
    std::uint32_t missed = 0;  // look-ups outside the window since it last moved
  };

  [[nodiscard]] static std::uint64_t offset(const Ladder& l, LevelKey key) noexcept {
    return static_cast<std::uint64_t>(key) - static_cast<std::uint64_t>(l.low);
  }
  [[nodiscard]] std::uint32_t index(LevelKey key) const noexcept {
    return static_cast<std::uint32_t>(key) & (window_ - 1);
  }
  [[nodiscard]] std::size_t slot(LadderIndex ladder, LevelKey key) const noexcept {
    return (ladder << shift_) + index(key);
  }
  [[nodiscard]] static LevelKey key_at(const Ladder& l, std::uint32_t offset) noexcept {
    return static_cast<LevelKey>(static_cast<std::uint64_t>(l.low) + offset);
  }
  [[nodiscard]] detail::Bitmap bitmap(LadderIndex ladder) const noexcept {
    return {const_cast<std::uint64_t*>(bits_.data()) + ladder * words_, window_};
  }

  void put(LadderIndex ladder, LevelKey key, LevelId id) noexcept {
    slots_[slot(ladder, key)] = id;
    bitmap(ladder).set(index(key));
    ++ladders_[ladder].inside;
  }

  Map& map_of(LadderIndex ladder) {
    if (outside_[ladder] == nullptr) outside_[ladder] = std::make_unique<Map>(nodes_.get());
    return *outside_[ladder];
  }

  // Three quarters of the window lie below the key: books are deep on one side of the touch.
  [[nodiscard]] LevelKey low_for(LevelKey key) const noexcept {
    constexpr LevelKey kMin = std::numeric_limits<LevelKey>::min();
    constexpr LevelKey kMax = std::numeric_limits<LevelKey>::max();
    const LevelKey below = static_cast<LevelKey>(window_ / 4 * 3);
    return std::min(key < kMin + below ? kMin : key - below, kMax - static_cast<LevelKey>(window_ - 1));
  }

  // The greatest key below `key`, which need not be there, but is in the window unless levels are outside it.
  LevelId worse(LadderIndex ladder, LevelKey key, LevelKey& found) const noexcept {
    const Ladder& l = ladders_[ladder];
    const bool all_inside = l.inside == l.levels;
    const std::uint64_t from = offset(l, key);
    std::uint64_t down = window_;  // how far below `start` the window's candidate lies
    LevelKey start = key;
    if (l.inside != 0) {
      bool searches = true;
      if (from >= window_) {
        // Above the window its greatest key is a candidate, below it nothing there is.
        searches = key > l.low;
        start = key_at(l, window_ - 1);
      } else if (from == 0) {
        searches = false;
      } else {
        start = key - 1;
      }
      if (searches) {
        const detail::Bitmap map = bitmap(ladder);
        const std::uint32_t at = index(start);
        std::uint32_t hit = map.at_or_below(at);
        if (hit == detail::Bitmap::kNone) hit = map.at_or_below(window_ - 1);  // around the end of the ring
        down = (at - hit) & (window_ - 1);
        if (down > offset(l, start)) down = window_;  // that one lies above, not below
      }
    }
    const bool has_inside = down < window_;
    const LevelKey inside_key = has_inside ? start - static_cast<LevelKey>(down) : 0;
    if (!all_inside) {
      auto at = outside_[ladder]->lower_bound(key);
      if (at != outside_[ladder]->begin()) {
        --at;
        if (!has_inside || at->first > inside_key) {
          found = at->first;
          return at->second;
        }
      }
    }
    if (!has_inside) return 0;
    found = inside_key;
    return slots_[slot(ladder, inside_key)];
  }

  ORDERBOOK_NOINLINE LevelId find_outside(LadderIndex ladder, LevelKey key) {
    Ladder& l = ladders_[ladder];
    if (l.levels == 0) return 0;
    if (++l.missed > 32 + l.inside / 4 || l.inside == 0) {
      l.missed = 0;
      if (offset(l, l.best_key) >= window_ || offset(l, l.best_key) < window_ / 2) recentre(ladder);
    }
    return peek(ladder, key);
  }

  void recentre(LadderIndex ladder) {
    Ladder& l = ladders_[ladder];
    Ladder moved = l;
    moved.low = low_for(l.best_key);
    Map& map = map_of(ladder);
    // Into the map first, so that running out of memory leaves every level findable where it was.
    for (std::uint32_t i = 0; l.inside != 0 && i < window_; ++i) {
      const LevelKey key = key_at(l, i);
      if (!bitmap(ladder).test(index(key)) || offset(moved, key) < window_) continue;
      try {
        map.emplace(key, slots_[slot(ladder, key)]);
      } catch (...) {
        for (std::uint32_t j = 0; j < i; ++j) {
          const LevelKey undone = key_at(l, j);
          if (bitmap(ladder).test(index(undone)) && offset(moved, undone) >= window_) map.erase(undone);
        }
        throw;
      }
    }
    for (std::uint32_t i = 0; l.inside != 0 && i < window_; ++i) {
      const LevelKey key = key_at(l, i);
      if (!bitmap(ladder).test(index(key)) || offset(moved, key) < window_) continue;
      slots_[slot(ladder, key)] = 0;
      bitmap(ladder).clear(index(key));
      --l.inside;
    }
    l.low = moved.low;
    auto at = map.lower_bound(l.low);
    while (at != map.end() && offset(l, at->first) < window_) {
      put(ladder, at->first, at->second);
      at = map.erase(at);
    }
  }

  std::uint32_t window_;
  int shift_;  // log2 of it
  std::size_t words_;
  detail::ZeroedArray<LevelId> slots_;
  detail::ZeroedArray<std::uint64_t> bits_;
  std::vector<Ladder> ladders_;
  std::unique_ptr<std::pmr::unsynchronized_pool_resource> nodes_;  // on the heap: the maps point at it
  std::vector<std::unique_ptr<Map>> outside_;
};

static_assert(LevelContainer<LadderLevels>);

}  // namespace orderbook

// Read-only tables from a known set of keys to their codes, one look per key: a key's group picks a multiplier under
// which the group's keys fall on free slots (hash and displace: Fox, Heath, Chen & Daoud, SIGIR 1992; Belazzougui,
// Botelho & Dietzfelbinger, ESA 2009). Half the work of a cuckoo table where the table stays in cache, so it is built
// over one when many look-ups are to come.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "dictionary.h"

namespace flowstate::asof {

template <typename Key>
class PerfectTable {
 public:
  bool empty() const noexcept { return codes_.empty(); }
  void clear() noexcept { codes_.clear(); }

  // Keys keys[1..) get the codes first, first + 1, … Distinct keys. O(n) expected; false, and the table is empty,
  // where no multiplier is found soon: keys with equal seeds, made on purpose.
  bool build(const std::vector<Key>& keys, std::int32_t first) {
    clear();
    const std::size_t count = keys.size() - 1;
    if (count == 0) return false;
    const int slot_bits = std::max(4, static_cast<int>(std::bit_width(2 * count - 1)));
    const int group_bits = std::max(1, slot_bits - 3);
    const std::size_t slots = std::size_t{1} << slot_bits;
    const std::size_t groups = std::size_t{1} << group_bits;
    slot_shift_ = 64 - slot_bits;
    group_shift_ = 64 - group_bits;

    // Keys by group, groups by size, the largest first.
    std::vector<std::uint32_t> starts(groups + 1, 0);
    for (std::size_t k = 1; k <= count; ++k) ++starts[group_of(keys[k].seed()) + 1];
    for (std::size_t g = 0; g < groups; ++g) starts[g + 1] += starts[g];
    std::vector<std::uint32_t> members(count);
    std::vector<std::uint32_t> fill(starts.begin(), starts.end() - 1);
    for (std::size_t k = 1; k <= count; ++k) {
      members[fill[group_of(keys[k].seed())]++] = static_cast<std::uint32_t>(k);
    }
    std::vector<std::uint32_t> order(groups);
    for (std::size_t g = 0; g < groups; ++g) order[g] = static_cast<std::uint32_t>(g);
    const auto size_of = [&](std::uint32_t g) { return starts[g + 1] - starts[g]; };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return size_of(a) > size_of(b); });

    multipliers_.assign(groups, kMixA);
    // A slot that stays empty holds a key that lies elsewhere: no value that is looked up here equals it.
    keys_.assign(slots, keys[1]);
    std::vector<std::int32_t> codes(slots, -1);
    for (const std::uint32_t group : order) {
      if (size_of(group) == 0) break;
      if (!place(keys, members.data() + starts[group], size_of(group), group, first, codes)) return false;
    }
    codes_ = std::move(codes);
    return true;
  }

  // out[i] = the code of keys[i], or `missing`.
  void find(const Key* keys, std::int64_t count, std::int32_t missing, std::int32_t* out) const noexcept {
    const Key* const table = keys_.data();
    const std::int32_t* const codes = codes_.data();
    const std::uint64_t* const multipliers = multipliers_.data();
    const int group_shift = group_shift_;
    const int slot_shift = slot_shift_;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint64_t seed = keys[i].seed();
      const std::size_t slot = (seed * multipliers[(seed * kMixC) >> group_shift]) >> slot_shift;
      const std::int32_t hit = -static_cast<std::int32_t>(table[slot] == keys[i]);
      out[i] = missing ^ ((missing ^ codes[slot]) & hit);
    }
  }

 private:
  static constexpr int kTries = 256;

  std::size_t group_of(std::uint64_t seed) const noexcept { return (seed * kMixC) >> group_shift_; }
  std::size_t slot_of(std::uint64_t seed) const noexcept {
    return (seed * multipliers_[group_of(seed)]) >> slot_shift_;
  }

  bool place(const std::vector<Key>& keys, const std::uint32_t* members, std::uint32_t size,
             std::uint32_t group, std::int32_t first, std::vector<std::int32_t>& codes) {
    std::uint64_t multiplier = kMixA;
    for (int attempt = 0; attempt < kTries; ++attempt) {
      multipliers_[group] = multiplier;
      std::uint32_t placed = 0;
      for (; placed < size; ++placed) {
        const std::size_t slot = slot_of(keys[members[placed]].seed());
        if (codes[slot] >= 0) break;
        codes[slot] = first + static_cast<std::int32_t>(members[placed]) - 1;
        keys_[slot] = keys[members[placed]];
      }
      if (placed == size) return true;
      for (std::uint32_t k = 0; k < placed; ++k) {
        const std::size_t slot = slot_of(keys[members[k]].seed());
        codes[slot] = -1;
        keys_[slot] = keys[1];
      }
      multiplier = mix(multiplier + kMixC) | 1;
    }
    return false;
  }

  std::vector<Key> keys_;
  std::vector<std::int32_t> codes_;
  std::vector<std::uint64_t> multipliers_;
  int slot_shift_ = 0;
  int group_shift_ = 0;
};

}  // namespace flowstate::asof

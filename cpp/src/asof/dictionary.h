// Insert-only tables from key values to dense numbers 0, 1, 2, … in order of insertion. Cuckoo hashing with one key
// per slot: a value lies in one of two places, both are read and compared without a branch, so that a look-up costs
// no misprediction however the keys fall (linear probing lost about 4 ns a row to them at 1,000 keys). Values that
// find no place even in a sparse table (equal hashes, made on purpose) go to a list searched last.
//
// Not thread-safe while inserting; find() may run on many threads between insertions. O(1) expected.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "flowstate/error.h"

namespace flowstate::asof {

__extension__ typedef unsigned __int128 Wide128;

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  const Wide128 product = static_cast<Wide128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline constexpr std::uint64_t kMixA = 0x9E3779B97F4A7C15u;
inline constexpr std::uint64_t kMixB = 0xD6E8FEB86659FD93u;
inline constexpr std::uint64_t kMixC = 0xA0761D6478BD642Fu;

struct WordKey {
  std::uint64_t a;
  std::uint64_t hash() const noexcept { return mix(a ^ kMixB, kMixA); }
  bool operator==(const WordKey& other) const noexcept { return a == other.a; }
};

struct PairKey {
  std::uint64_t a;
  std::uint64_t b;
  std::uint64_t hash() const noexcept { return mix(a ^ kMixB, b ^ kMixA); }
  bool operator==(const PairKey& other) const noexcept { return ((a ^ other.a) | (b ^ other.b)) == 0; }
};

// Borrowed bytes; the column they lie in outlives the table. The hash is computed once, when they are read.
struct BytesKey {
  const std::uint8_t* data;
  std::int64_t length;
  std::uint64_t h;

  std::uint64_t hash() const noexcept { return h; }
  bool operator==(const BytesKey& other) const noexcept {
    return h == other.h && length == other.length &&
           (length == 0 || std::memcmp(data, other.data, static_cast<std::size_t>(length)) == 0);
  }

  static std::uint64_t hash_of(const std::uint8_t* data, std::int64_t length) noexcept {
    std::uint64_t h = static_cast<std::uint64_t>(length) ^ kMixC;
    if (length < 8) {
      std::uint64_t word = 0;
      for (std::int64_t i = 0; i < length; ++i) word |= static_cast<std::uint64_t>(data[i]) << (8 * i);
      return mix(h ^ kMixB, word ^ kMixA);
    }
    std::uint64_t word;
    for (std::int64_t i = 0; i + 8 < length; i += 8) {
      std::memcpy(&word, data + i, 8);
      h = mix(h ^ word, kMixA);
    }
    std::memcpy(&word, data + length - 8, 8);  // overlaps the word before
    return mix(h ^ kMixB, word ^ kMixA);
  }
};

template <typename Key>
class Dictionary {
 public:
  Dictionary() { reset(64); }

  std::int32_t size() const noexcept { return size_; }

  // The key's number, -1 where it is not in the table.
  std::int32_t find(const Key& key) const noexcept {
    const std::uint64_t hash = key.hash();
    const Slot& one = slots_[first_place(hash)];
    const Slot& two = slots_[second_place(hash)];
    // Empty slots hold some key too, but always the number -1.
    const std::int32_t in_one = one.key == key ? one.code : -1;
    const std::int32_t in_two = two.key == key ? two.code : -1;
    const std::int32_t code = std::max(in_one, in_two);
    return code < 0 && !crowded_.empty() ? find_crowded(key) : code;
  }

  std::int32_t find_or_insert(const Key& key) {
    const std::int32_t code = find(key);
    return code >= 0 ? code : insert(key);
  }

 private:
  struct Slot {
    Key key;
    std::int32_t code;
  };

  std::size_t first_place(std::uint64_t hash) const noexcept { return hash & mask_; }
  std::size_t second_place(std::uint64_t hash) const noexcept { return (hash >> 32) & mask_; }

  std::int32_t find_crowded(const Key& key) const noexcept {
    for (const Slot& slot : crowded_) {
      if (slot.key == key) return slot.code;
    }
    return -1;
  }

  std::int32_t insert(const Key& key) {
    if (size_ >= INT32_MAX - 16) throw Error(ErrorCode::ARG_RANGE, "more than 2^31 distinct keys");
    const std::int32_t code = size_++;
    if (static_cast<std::size_t>(size_) * 5 > slots_.size() * 2) grow();
    place({key, code});
    return code;
  }

  // Puts a slot in, pushing others to their other place. What has none goes to the list, or into a larger table.
  void place(Slot slot) {
    std::size_t at = first_place(slot.key.hash());
    for (int kicks = 0; kicks < 128; ++kicks) {
      if (slots_[at].code < 0) {
        slots_[at] = slot;
        return;
      }
      std::swap(slot, slots_[at]);
      const std::uint64_t hash = slot.key.hash();
      at = first_place(hash) == at ? second_place(hash) : first_place(hash);
    }
    crowded_.push_back(slot);
    // A crowded table that is not sparse only wants room.
    if (static_cast<std::size_t>(size_) * 8 > slots_.size()) grow();
  }

  void reset(std::size_t slots) {
    slots_.assign(slots, Slot{Key{}, -1});
    mask_ = slots - 1;
  }

  void grow() {
    std::vector<Slot> old = std::move(slots_);
    old.insert(old.end(), crowded_.begin(), crowded_.end());
    crowded_.clear();
    std::size_t slots = mask_ + 1;
    slots *= slots < (std::size_t{1} << 14) ? 4 : 2;
    reset(slots);
    for (const Slot& slot : old) {
      if (slot.code >= 0) place(slot);
    }
  }

  std::vector<Slot> slots_;
  std::vector<Slot> crowded_;
  std::size_t mask_ = 0;
  std::int32_t size_ = 0;
};

}  // namespace flowstate::asof

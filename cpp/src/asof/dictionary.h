// Insert-only tables from key values to dense numbers 0, 1, 2, … in order of insertion. Cuckoo hashing with one key
// per slot: a value lies in one of two places, both are read and compared without a branch, so that a look-up costs
// no misprediction however the keys fall. Slots are 4-byte numbers and keys lie densely by number, so that a table of
// 1,000 keys fits the first-level cache. Values that
// find no place even in a sparse table (equal hashes, made on purpose) go to a list searched last.
//
// Not thread-safe while inserting; find() may run on many threads between insertions. O(1) expected.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "flowstate/error.h"

namespace flowstate::asof {

inline constexpr std::uint64_t kMixA = 0x9E3779B97F4A7C15u;
inline constexpr std::uint64_t kMixC = 0xA0761D6478BD642Fu;

// Two multiplications rather than one 64 x 64 -> 128: the compiler sends the latter's halves through memory.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t h = (a ^ (b << 32 | b >> 32)) * kMixA;
  h = (h ^ (h >> 29)) + b;
  h *= kMixC;
  return h ^ (h >> 32);
}

inline std::uint64_t mix(std::uint64_t a) noexcept {
  const std::uint64_t h = a * kMixA;
  return h ^ (h >> 32);
}

// hash() is mixed; seed() may be cheaper, for tables that multiply it themselves and use the
// upper bits: then 0, which no multiplier moves, must not be the seed of a likely key.
struct WordKey {
  std::uint64_t a;
  std::uint64_t hash() const noexcept { return mix(a); }
  std::uint64_t seed() const noexcept { return (a ^ (a >> 32)) + kMixA; }
  bool operator==(const WordKey& other) const noexcept { return a == other.a; }
};

struct PairKey {
  std::uint64_t a;
  std::uint64_t b;
  std::uint64_t hash() const noexcept { return mix(a, b); }
  std::uint64_t seed() const noexcept {
    const std::uint64_t h = (a ^ (b << 32 | b >> 32)) * kMixA + b + kMixC;
    return h ^ (h >> 32);
  }
  bool operator==(const PairKey& other) const noexcept { return ((a ^ other.a) | (b ^ other.b)) == 0; }
};

// Borrowed bytes; the column they lie in outlives the table. The hash is computed once, when they are read.
struct BytesKey {
  const std::uint8_t* data;
  std::int64_t length;
  std::uint64_t h;

  std::uint64_t hash() const noexcept { return h; }
  std::uint64_t seed() const noexcept { return h; }
  bool operator==(const BytesKey& other) const noexcept {
    return h == other.h && length == other.length &&
           (length == 0 || std::memcmp(data, other.data, static_cast<std::size_t>(length)) == 0);
  }

  static std::uint64_t hash_of(const std::uint8_t* data, std::int64_t length) noexcept {
    std::uint64_t h = static_cast<std::uint64_t>(length) ^ kMixC;
    if (length < 8) {
      std::uint64_t word = 0;
      for (std::int64_t i = 0; i < length; ++i) word |= static_cast<std::uint64_t>(data[i]) << (8 * i);
      return mix(h, word);
    }
    std::uint64_t word;
    for (std::int64_t i = 0; i + 8 < length; i += 8) {
      std::memcpy(&word, data + i, 8);
      h = mix(h, word);
    }
    std::memcpy(&word, data + length - 8, 8);  // overlaps the word before
    return mix(h, word);
  }
};

template <typename Key>
class Dictionary {
 public:
  Dictionary() : keys_(1), slots_(64, 0), mask_(63) {}

  std::int32_t size() const noexcept { return static_cast<std::int32_t>(keys_.size()) - 1; }

  // By number + 1; the first entry is no key.
  const std::vector<Key>& entries() const noexcept { return keys_; }

  // The key's number, -1 where it is not in the table.
  std::int32_t find(const Key& key) const noexcept {
    const std::uint64_t hash = key.hash();
    const std::uint32_t one = slots_[first_place(hash)];
    const std::uint32_t two = slots_[second_place(hash)];
    // At most one of the two is the key's entry. An empty slot names entry 0, whose answer is "none" either way.
    const std::uint32_t in_one = one & (0u - static_cast<std::uint32_t>(keys_[one] == key));
    const std::uint32_t in_two = two & (0u - static_cast<std::uint32_t>(keys_[two] == key));
    const std::int32_t code = static_cast<std::int32_t>(in_one | in_two) - 1;
    return code < 0 && !crowded_.empty() ? find_crowded(key) : code;
  }

  std::int32_t find_or_insert(const Key& key) {
    const std::int32_t code = find(key);
    return code >= 0 ? code : insert(key);
  }

 private:
  std::size_t first_place(std::uint64_t hash) const noexcept { return hash & mask_; }
  std::size_t second_place(std::uint64_t hash) const noexcept { return (hash >> 36) & mask_; }

  std::int32_t find_crowded(const Key& key) const noexcept {
    for (const std::uint32_t entry : crowded_) {
      if (keys_[entry] == key) return static_cast<std::int32_t>(entry) - 1;
    }
    return -1;
  }

  std::int32_t insert(const Key& key) {
    if (keys_.size() >= static_cast<std::size_t>(INT32_MAX) - 16) {
      throw Error(ErrorCode::ARG_RANGE, "more than 2^31 distinct keys");
    }
    keys_.push_back(key);
    if (keys_.size() * 5 > slots_.size() * 2)
      grow();
    else
      place(static_cast<std::uint32_t>(keys_.size()) - 1);
    return size() - 1;
  }

  // Puts an entry in, pushing others to their other place. What finds none goes to the list, or, unless the table is
  // sparse already, into a larger one.
  void place(std::uint32_t entry) {
    std::size_t at = first_place(keys_[entry].hash());
    for (int kicks = 0; kicks < 128; ++kicks) {
      std::swap(entry, slots_[at]);
      if (entry == 0) return;
      const std::uint64_t hash = keys_[entry].hash();
      at = first_place(hash) == at ? second_place(hash) : first_place(hash);
    }
    crowded_.push_back(entry);
    if (keys_.size() * 8 > slots_.size() && !growing_) grow();
  }

  void grow() {
    growing_ = true;
    crowded_.clear();
    const std::size_t slots = slots_.size() * 2;
    slots_.assign(slots, 0);
    mask_ = slots - 1;
    for (std::size_t entry = 1; entry < keys_.size(); ++entry) place(static_cast<std::uint32_t>(entry));
    growing_ = false;
  }

  std::vector<Key> keys_;             // by entry, the number + 1; entry 0 stands for "none"
  std::vector<std::uint32_t> slots_;  // entries
  std::vector<std::uint32_t> crowded_;
  std::size_t mask_;
  bool growing_ = false;
};

}  // namespace flowstate::asof

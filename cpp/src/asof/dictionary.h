// Insert-only open-addressing tables from key values to dense numbers 0, 1, 2, … in order of insertion. Linear
// probing at a load of at most 1/4: with few keys nearly every look-up ends at its first slot, so the branch
// predictor is right, and a table for 1,000 keys still fits the first-level cache.
//
// Not thread-safe while inserting; find() may run on many threads between insertions. O(1) expected.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "flowstate/error.h"

namespace flowstate::asof {

inline std::uint64_t mix(std::uint64_t x) noexcept {
  x *= 0x9E3779B97F4A7C15u;
  return x ^ (x >> 32);
}

struct WordKey {
  std::uint64_t a;
  std::uint64_t hash() const noexcept { return mix(a ^ (a >> 29)); }
  bool operator==(const WordKey& other) const noexcept { return a == other.a; }
};

struct PairKey {
  std::uint64_t a;
  std::uint64_t b;
  std::uint64_t hash() const noexcept { return mix(mix(a ^ (a >> 29)) + b); }
  bool operator==(const PairKey& other) const noexcept { return ((a ^ other.a) | (b ^ other.b)) == 0; }
};

// Borrowed bytes; the column they lie in outlives the table.
struct BytesKey {
  const std::uint8_t* data;
  std::int64_t length;

  std::uint64_t hash() const noexcept {
    std::uint64_t h = static_cast<std::uint64_t>(length) * 0xD6E8FEB86659FD93u;
    std::int64_t i = 0;
    for (; i + 8 <= length; i += 8) {
      std::uint64_t word;
      std::memcpy(&word, data + i, 8);
      h = mix(h ^ word) + 0x2545F4914F6CDD1Du;
    }
    std::uint64_t tail = 0;
    for (std::int64_t shift = 0; i < length; ++i, shift += 8) tail |= static_cast<std::uint64_t>(data[i]) << shift;
    h = mix(h ^ tail);
    return mix(h ^ (h >> 31));
  }
  bool operator==(const BytesKey& other) const noexcept {
    return length == other.length &&
           (length == 0 || std::memcmp(data, other.data, static_cast<std::size_t>(length)) == 0);
  }
};

template <typename Key>
class Dictionary {
 public:
  Dictionary() { reset(64); }

  std::int32_t size() const noexcept { return size_; }

  // The key's number, -1 where it is not in the table.
  std::int32_t find(const Key& key) const noexcept {
    for (std::uint64_t slot = key.hash() & mask_;; slot = (slot + 1) & mask_) {
      const Slot& at = slots_[slot];
      if (at.code < 0) return -1;
      if (at.key == key) return at.code;
    }
  }

  std::int32_t find_or_insert(const Key& key) {
    for (std::uint64_t slot = key.hash() & mask_;; slot = (slot + 1) & mask_) {
      Slot& at = slots_[slot];
      if (at.code < 0) return insert_at(slot, key);
      if (at.key == key) return at.code;
    }
  }

 private:
  struct Slot {
    Key key;
    std::int32_t code;
  };

  std::int32_t insert_at(std::uint64_t slot, const Key& key) {
    if (size_ >= INT32_MAX - 16) throw Error(ErrorCode::ARG_RANGE, "more than 2^31 distinct keys");
    const std::int32_t code = size_++;
    slots_[slot] = {key, code};
    if (static_cast<std::uint64_t>(size_) * 4 > slots_.size()) grow();
    return code;
  }

  void reset(std::size_t slots) {
    slots_.assign(slots, Slot{Key{}, -1});
    mask_ = slots - 1;
  }

  void grow() {
    std::vector<Slot> old = std::move(slots_);
    reset(old.size() * (old.size() < (std::size_t{1} << 16) ? 4 : 2));
    for (const Slot& at : old) {
      if (at.code < 0) continue;
      std::uint64_t slot = at.key.hash() & mask_;
      while (slots_[slot].code >= 0) slot = (slot + 1) & mask_;
      slots_[slot] = at;
    }
  }

  std::vector<Slot> slots_;
  std::uint64_t mask_ = 0;
  std::int32_t size_ = 0;
};

}  // namespace flowstate::asof

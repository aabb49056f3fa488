#include "device/sort_pairs.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <vector>

namespace flowstate::device {

namespace {

constexpr int kDigitBits = 11;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

// Bits of a signed key in the order of unsigned ones.
template <typename Key>
std::uint64_t radix_of(Key key) noexcept {
  return static_cast<std::uint64_t>(std::int64_t{key}) ^ (std::uint64_t{1} << 63);
}

template <typename Key>
struct Pairs {
  Key* keys;
  std::uint32_t* values;
};

// False, and nothing moved, where all keys share the digit.
template <typename Key>
bool pass(const Key* keys, const std::uint32_t* values, Pairs<Key> out, std::size_t count, int shift) {
  std::array<std::size_t, kDigits> place{};
  const auto digit = [shift](Key key) { return (radix_of(key) >> shift) & (kDigits - 1); };
  for (std::size_t i = 0; i < count; ++i) ++place[digit(keys[i])];
  if (place[digit(keys[0])] == count) return false;
  std::size_t next = 0;
  for (std::size_t& cell : place) {
    const std::size_t rows = cell;
    cell = next;
    next += rows;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t to = place[digit(keys[i])]++;
    out.keys[to] = keys[i];
    out.values[to] = values[i];
  }
  return true;
}

template <typename Key>
void sort(const SortPairs& request, int bits) {
  const std::size_t count = request.count;
  std::vector<Key> spare_keys(count);
  std::vector<std::uint32_t> spare_values(count);
  const Pairs<Key> out{static_cast<Key*>(request.keys_out), request.values_out};
  const Pairs<Key> spare{spare_keys.data(), spare_values.data()};
  const Key* keys = static_cast<const Key*>(request.keys_in);
  const std::uint32_t* values = request.values_in;
  for (int shift = 0; shift < bits; shift += kDigitBits) {
    const Pairs<Key> to = keys == out.keys ? spare : out;
    if (!pass(keys, values, to, count, shift)) continue;
    keys = to.keys;
    values = to.values;
  }
  if (keys == out.keys) return;
  std::copy_n(keys, count, out.keys);
  std::copy_n(values, count, out.values);
}

}  // namespace

void sort_pairs_here(const SortPairs& request) {
  if (request.count == 0) return;
  try {
    if (request.key_bytes == 4) {
      sort<std::int32_t>(request, request.key_bits);
    } else {
      sort<std::int64_t>(request, 64);
    }
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::OUT_OF_MEMORY, "memory to sort in could not be allocated");
  }
}

}  // namespace flowstate::device

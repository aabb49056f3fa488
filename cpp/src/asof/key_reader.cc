#include "key_reader.h"

#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>

#include "column_check.h"
#include "prefetch.h"
#include "times.h"

namespace flowstate::asof {
namespace {

using Byte = std::uint8_t;

// Up to 8 bytes, little end first on every machine; the rest is zero.
std::uint64_t load_slow(const Byte* data, std::int64_t length) noexcept {
  std::uint64_t word = 0;
  for (std::int64_t i = 0; i < length; ++i) word |= static_cast<std::uint64_t>(data[i]) << (8 * i);
  return word;
}

std::uint64_t load8(const Byte* data) noexcept {
  std::uint64_t word;
  std::memcpy(&word, data, 8);
  if constexpr (std::endian::native == std::endian::big) return load_slow(data, 8);
  return word;
}

std::uint64_t low_bytes(std::uint64_t word, std::int64_t bytes) noexcept {
  return word & ((std::uint64_t{1} << (8 * bytes)) - 1);
}

// `room` bytes are readable from data: 8 at once where they are there.
std::uint64_t load_upto7(const Byte* data, std::int64_t length, std::int64_t room) noexcept {
  return room >= 8 ? low_bytes(load8(data), length) : load_slow(data, length);
}

bool pack(const Byte* data, std::int64_t length, std::int64_t room, WordKey& key) noexcept {
  if (length > kWordBytes) {
    key.a = 0;
    return false;
  }
  key.a = load_upto7(data, length, room) | (static_cast<std::uint64_t>(length) << 56);
  return true;
}

bool pack(const Byte* data, std::int64_t length, std::int64_t room, PairKey& key) noexcept {
  const std::uint64_t tag = static_cast<std::uint64_t>(length) << 56;
  if (length <= kWordBytes) {
    key = {load_upto7(data, length, room), tag};
  } else if (length <= kPairBytes) {
    key = {load8(data), load_upto7(data + 8, length - 8, room - 8) | tag};
  } else {
    key = {0, 0};
    return false;
  }
  return true;
}

bool pack(const Byte* data, std::int64_t length, std::int64_t, BytesKey& key) noexcept {
  key = {data, length, BytesKey::hash_of(data, length)};
  return true;
}

// Marks the nulls of a block; true if there are any.
bool read_nulls(const Piece& piece, std::int64_t begin, std::int64_t count, Byte* states) noexcept {
  const Chunk& chunk = *piece.chunk;
  if (chunk.validity == nullptr) return false;
  const std::int64_t first = chunk.bit_offset + piece.begin + begin;
  bool any = false;
  for (std::int64_t i = 0; i < count; ++i) {
    const bool null = !bit_at(chunk.validity, first + i);
    states[i] = null ? kKeyNull : kKeyValid;
    any |= null;
  }
  return any;
}

void mark_dead(Byte* states, std::int64_t count, bool& any, std::int64_t i) noexcept {
  if (!any) std::memset(states, kKeyValid, static_cast<std::size_t>(count));
  any = true;
  if (states[i] == kKeyValid) states[i] = kKeyDead;
}

template <typename Offset, typename Key>
bool read_bytes(const Piece& piece, std::int64_t begin, std::int64_t count, Key* keys, Byte* states) {
  const Chunk& chunk = *piece.chunk;
  const auto* offsets = static_cast<const Offset*>(chunk.offsets) + piece.begin + begin;
  bool any = read_nulls(piece, begin, count, states);
  // Locals, and one test of the room behind the whole block: the compiler cannot know that writing keys changes
  // neither the chunk nor the offsets.
  const Byte* const values = chunk.values;
  const std::int64_t bytes = chunk.values_bytes;
  std::int64_t from = offsets[0];
  const auto read = [&](std::int64_t i, bool roomy) {
    const std::int64_t to = offsets[i + 1];
    if (!pack(values + from, to - from, roomy ? kPairBytes + 1 : bytes - from, keys[i])) {
      mark_dead(states, count, any, i);
    }
    from = to;
  };
  if (bytes - static_cast<std::int64_t>(offsets[count]) > kPairBytes) {
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
      prefetch_read(offsets + i, kPrefetchAhead);
      prefetch_range(values + from, kPrefetchAhead, kPrefetchAhead + (offsets[i + 16] - from));
      for (std::int64_t k = i; k < i + 16; ++k) read(k, true);
    }
    for (; i < count; ++i) read(i, true);
  } else {
    for (std::int64_t i = 0; i < count; ++i) read(i, false);
  }
  return any;
}

template <typename Key>
bool read_fixed(const Column& column, const Piece& piece, std::int64_t begin, std::int64_t count, Key* keys,
                Byte* states) {
  const Chunk& chunk = *piece.chunk;
  bool any = read_nulls(piece, begin, count, states);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t from = (piece.begin + begin + i) * column.width;
    if (!pack(chunk.values + from, column.width, chunk.values_bytes - from, keys[i])) {
      mark_dead(states, count, any, i);
    }
  }
  return any;
}

template <typename Key>
bool read_any_bytes(const Column& column, const Piece& piece, std::int64_t begin, std::int64_t count,
                    Key* keys, Byte* states) {
  if (column.type == ColumnType::kBytes32) return read_bytes<std::int32_t>(piece, begin, count, keys, states);
  if (column.type == ColumnType::kBytes64) return read_bytes<std::int64_t>(piece, begin, count, keys, states);
  return read_fixed(column, piece, begin, count, keys, states);
}

template <typename T>
bool read_integers(const Leaf& leaf, const Piece& piece, std::int64_t begin, std::int64_t count,
                   WordKey* keys, Byte* states) {
  const auto* values = reinterpret_cast<const T*>(piece.chunk->values) + piece.begin + begin;
  bool any = read_nulls(piece, begin, count, states);
  if (leaf.scale == 1 && !leaf.unsigned_foreign) {
    for (std::int64_t i = 0; i < count; ++i) keys[i].a = static_cast<std::uint64_t>(values[i]);
    return any;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    bool bad;
    if constexpr (std::is_same_v<T, std::uint64_t>) {
      bad = leaf.scale < 0 ||
            __builtin_mul_overflow(values[i], static_cast<std::uint64_t>(leaf.scale), &keys[i].a) ||
            (leaf.unsigned_foreign && keys[i].a > static_cast<std::uint64_t>(INT64_MAX));
    } else {
      std::int64_t product;
      bad = __builtin_mul_overflow(static_cast<std::int64_t>(values[i]), leaf.scale, &product);
      keys[i].a = static_cast<std::uint64_t>(product);
    }
    if (bad) mark_dead(states, count, any, i);
  }
  return any;
}

template <typename T>
bool read_floats(const Piece& piece, std::int64_t begin, std::int64_t count, WordKey* keys, Byte* states) {
  const auto* values = reinterpret_cast<const T*>(piece.chunk->values) + piece.begin + begin;
  for (std::int64_t i = 0; i < count; ++i) {
    double value;
    if constexpr (std::is_same_v<T, std::uint16_t>) {
      value = half_to_double(values[i]);
    } else {
      value = static_cast<double>(values[i]);
    }
    // Every NaN is one value, and adding 0 makes -0 into 0.
    keys[i].a = std::isnan(value) ? 0x7FF8000000000000u : std::bit_cast<std::uint64_t>(value + 0.0);
  }
  return read_nulls(piece, begin, count, states);
}

bool read_bools(const Piece& piece, std::int64_t begin, std::int64_t count, WordKey* keys, Byte* states) {
  const std::int64_t first = piece.chunk->bit_offset + piece.begin + begin;
  for (std::int64_t i = 0; i < count; ++i) keys[i].a = bit_at(piece.chunk->values, first + i) ? 1 : 0;
  return read_nulls(piece, begin, count, states);
}

bool read_pairs(const Leaf& leaf, const Piece& piece, std::int64_t begin, std::int64_t count, WordKey* keys,
                Byte* states) {
  const std::int32_t* a = leaf.codes_a + piece.row + begin;
  const std::int32_t* b = leaf.codes_b + piece.row + begin;
  bool any = false;
  for (std::int64_t i = 0; i < count; ++i) {
    const bool dead = a[i] < kFirstKey || b[i] < kFirstKey;
    states[i] = dead ? kKeyDead : kKeyValid;
    any |= dead;
    keys[i].a = dead ? 0 : static_cast<std::uint64_t>(a[i] * leaf.radix + b[i]);
  }
  return any;
}

}  // namespace

std::vector<Piece> Leaf::pieces() const {
  if (column != nullptr) return pieces_of(*column);
  std::vector<Piece> all;
  for (std::int64_t begin = 0; begin < pair_rows; begin += kTaskRows) {
    all.push_back({nullptr, begin, std::min(kTaskRows, pair_rows - begin), begin});
  }
  return all;
}

bool is_bytes(ColumnType type) noexcept {
  return type == ColumnType::kBytes32 || type == ColumnType::kBytes64 || type == ColumnType::kFixed;
}

std::int64_t longest_value(const Context& context, const Column& column, std::int64_t enough,
                           bool unchecked) {
  if (column.type == ColumnType::kFixed) return column.width;
  const std::vector<Piece> pieces = pieces_of(column);
  std::vector<std::int64_t> longest(pieces.size(), 0);
  std::atomic<bool> done{false};
  context.tasks(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t task, int) {
    if (!unchecked && done.load(std::memory_order_relaxed)) return;
    const Piece& piece = pieces[static_cast<std::size_t>(task)];
    const std::int64_t first_row = piece.row - piece.begin;
    std::int64_t most = 0;
    const auto measure = [&](const auto* offsets) {
      for (std::int64_t begin = 0; begin < piece.count && (unchecked || most <= enough); begin += kKeyBlock) {
        const std::int64_t end = std::min(piece.count, begin + kKeyBlock);
        if (unchecked) {
          check_chunk_rows(column, *piece.chunk, first_row, piece.begin + begin, piece.begin + end);
        }
        auto block = offsets[begin + 1] - offsets[begin];
        for (std::int64_t i = begin; i < end; ++i) block = std::max(block, offsets[i + 1] - offsets[i]);
        most = std::max(most, static_cast<std::int64_t>(block));
      }
    };
    if (column.type == ColumnType::kBytes32) {
      measure(static_cast<const std::int32_t*>(piece.chunk->offsets) + piece.begin);
    } else {
      measure(static_cast<const std::int64_t*>(piece.chunk->offsets) + piece.begin);
    }
    longest[static_cast<std::size_t>(task)] = most;
    if (most > enough) done.store(true, std::memory_order_relaxed);
  });
  return longest.empty() ? 0 : *std::max_element(longest.begin(), longest.end());
}

bool read_keys(const Leaf& leaf, const Piece& piece, std::int64_t begin, std::int64_t count, WordKey* keys,
               Byte* states) {
  if (leaf.column == nullptr) return read_pairs(leaf, piece, begin, count, keys, states);
  switch (leaf.column->type) {
    case ColumnType::kInt8:
      return read_integers<std::int8_t>(leaf, piece, begin, count, keys, states);
    case ColumnType::kInt16:
      return read_integers<std::int16_t>(leaf, piece, begin, count, keys, states);
    case ColumnType::kInt32:
      return read_integers<std::int32_t>(leaf, piece, begin, count, keys, states);
    case ColumnType::kInt64:
      return read_integers<std::int64_t>(leaf, piece, begin, count, keys, states);
    case ColumnType::kUInt8:
      return read_integers<std::uint8_t>(leaf, piece, begin, count, keys, states);
    case ColumnType::kUInt16:
      return read_integers<std::uint16_t>(leaf, piece, begin, count, keys, states);
    case ColumnType::kUInt32:
      return read_integers<std::uint32_t>(leaf, piece, begin, count, keys, states);
    case ColumnType::kUInt64:
      return read_integers<std::uint64_t>(leaf, piece, begin, count, keys, states);
    case ColumnType::kFloat16:
      return read_floats<std::uint16_t>(piece, begin, count, keys, states);
    case ColumnType::kFloat32:
      return read_floats<float>(piece, begin, count, keys, states);
    case ColumnType::kFloat64:
      return read_floats<double>(piece, begin, count, keys, states);
    case ColumnType::kBool:
      return read_bools(piece, begin, count, keys, states);
    default:
      return read_any_bytes(*leaf.column, piece, begin, count, keys, states);
  }
}

bool read_keys(const Leaf& leaf, const Piece& piece, std::int64_t begin, std::int64_t count, PairKey* keys,
               Byte* states) {
  return read_any_bytes(*leaf.column, piece, begin, count, keys, states);
}

bool read_keys(const Leaf& leaf, const Piece& piece, std::int64_t begin, std::int64_t count, BytesKey* keys,
               Byte* states) {
  return read_any_bytes(*leaf.column, piece, begin, count, keys, states);
}

}  // namespace flowstate::asof

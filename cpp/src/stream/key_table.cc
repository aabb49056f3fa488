#include "key_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "flowstate/error.h"
#include "prefetch.h"

namespace flowstate::stream {
namespace {

using asof::BytesKey;
using asof::is_bytes;
using asof::kKeyBlock;
using asof::kKeyDead;
using asof::kKeyNull;
using asof::kKeyValid;
using asof::kPairBytes;
using asof::Leaf;
using asof::PairKey;
using asof::Piece;
using asof::WordKey;

constexpr std::uint64_t kNullTag = std::uint64_t{0xFE} << 56;
constexpr std::uint64_t kLongTag = std::uint64_t{0xFF} << 56;

Leaf leaf_of(const Column& column, const KeyShape& shape, bool right) {
  Leaf leaf;
  leaf.column = &column;
  leaf.scale = right ? shape.right_scale : shape.left_scale;
  leaf.unsigned_foreign = right ? shape.right_unsigned_foreign : shape.left_unsigned_foreign;
  return leaf;
}

std::int64_t index_at(const Column& column, const Chunk& chunk, std::int64_t row) noexcept {
  const std::uint8_t* values = chunk.values;
  switch (column.index_type) {
    case ColumnType::kInt8:
      return reinterpret_cast<const std::int8_t*>(values)[row];
    case ColumnType::kInt16:
      return reinterpret_cast<const std::int16_t*>(values)[row];
    case ColumnType::kInt32:
      return reinterpret_cast<const std::int32_t*>(values)[row];
    case ColumnType::kUInt8:
      return values[row];
    case ColumnType::kUInt16:
      return reinterpret_cast<const std::uint16_t*>(values)[row];
    case ColumnType::kUInt32:
      return reinterpret_cast<const std::uint32_t*>(values)[row];
    default:
      return reinterpret_cast<const std::int64_t*>(values)[row];
  }
}

// Key values of plain columns and, through their indices, of dictionaries, in blocks of at most kKeyBlock rows:
// visit(leaf column, keys, states or null, count, first row).
template <typename Key, typename Visit>
void read_blocks(const Column& column, const KeyShape& shape, bool right, Visit&& visit) {
  Key keys[kKeyBlock];
  std::uint8_t states[kKeyBlock];
  if (column.type != ColumnType::kDictionary) {
    const Leaf leaf = leaf_of(column, shape, right);
    for (const Piece& piece : asof::pieces_of(column)) {
      for (std::int64_t begin = 0; begin < piece.count; begin += kKeyBlock) {
        const std::int64_t count = std::min(kKeyBlock, piece.count - begin);
        const bool any = asof::read_keys(leaf, piece, begin, count, keys, states);
        visit(column, keys, any ? states : nullptr, count, piece.row + begin);
      }
    }
    return;
  }
  std::int64_t first = 0;
  for (const Chunk& chunk : column.chunks) {
    const Column* values =
        chunk.dictionary < 0 ? nullptr : &column.dictionaries[static_cast<std::size_t>(chunk.dictionary)];
    for (std::int64_t begin = 0; begin < chunk.length; begin += kKeyBlock) {
      const std::int64_t count = std::min(kKeyBlock, chunk.length - begin);
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t row = begin + i;
        states[i] = kKeyNull;
        keys[i] = Key{};
        if (chunk.validity != nullptr && !asof::bit_at(chunk.validity, chunk.bit_offset + row)) continue;
        std::int64_t index = index_at(column, chunk, row);
        std::int64_t base = 0;
        for (const Chunk& part : values->chunks) {
          if (index < part.length) {
            const Piece piece{&part, 0, part.length, base};
            states[i] = kKeyValid;
            std::uint8_t state = kKeyValid;
            if (asof::read_keys(leaf_of(*values, shape, right), piece, index, 1, keys + i, &state))
              states[i] = state;
            break;
          }
          index -= part.length;
          base += part.length;
        }
      }
      visit(values == nullptr ? column : *values, keys, states, count, first + begin);
    }
    first += chunk.length;
  }
}

const Column& leaf_column(const Column& column) noexcept {
  return column.type == ColumnType::kDictionary && !column.dictionaries.empty() ? column.dictionaries[0]
                                                                                : column;
}

}  // namespace

KeyTable::KeyTable(std::vector<KeyShape> shapes, bool null_keys_equal)
    : shapes_(std::move(shapes)),
      nulls_equal_(null_keys_equal),
      forms_(shapes_.size(), ColumnType::kDictionary),
      slots_(64),
      long_slots_(16, 0) {
  if (shapes_.empty()) limit_ = live_ = 1;
}

std::int64_t KeyTable::bytes() const noexcept {
  return static_cast<std::int64_t>(live_) * 64 + static_cast<std::int64_t>(text_.size());
}

void KeyTable::note_form(std::size_t column, const Column& leaf) {
  ColumnType form = ColumnType::kInt64;
  switch (leaf.type) {
    case ColumnType::kDictionary:
      return;  // a dictionary column without dictionaries: all null
    case ColumnType::kFloat16:
    case ColumnType::kFloat32:
    case ColumnType::kFloat64:
      form = ColumnType::kFloat64;
      break;
    case ColumnType::kUInt64:
      form = ColumnType::kUInt64;
      break;
    default:
      if (is_bytes(leaf.type)) form = ColumnType::kBytes64;
  }
  ColumnType& known = forms_[column];
  if (known == ColumnType::kDictionary) known = form;
  const bool mixed = known != form && (is_bytes(known) || is_bytes(form) || known == ColumnType::kFloat64 ||
                                       form == ColumnType::kFloat64);
  if (mixed)
    throw Error(ErrorCode::SCHEMA, leaf.name + ": this key column cannot be compared with the ones before");
  // A foreign uint64 equals int64 values only below 2^63, where the words are the same.
  if (form == ColumnType::kInt64) known = form;
}

void KeyTable::code(const std::vector<Column>& columns, std::int64_t rows, bool right, std::int32_t* out) {
  if (shapes_.empty()) {
    std::fill(out, out + rows, 0);
    return;
  }
  if (rows == 0) return;  // an empty column's type says nothing
  for (std::size_t c = 0; c < shapes_.size(); ++c) note_form(c, leaf_column(columns[c]));
  if (shapes_.size() > 1) return code_many(columns, rows, right, out);
  if (is_bytes(leaf_column(columns[0]).type)) return code_bytes(columns[0], rows, right, out);
  code_words(columns[0], rows, right, out);
}

void KeyTable::mark_nulls(const std::vector<Column>& columns, std::uint8_t* out) const noexcept {
  const auto valid = [](const Chunk& chunk, std::int64_t row) {
    return chunk.validity == nullptr || asof::bit_at(chunk.validity, chunk.bit_offset + row);
  };
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const Column& column = columns[c];
    std::int64_t first = 0;
    for (const Chunk& chunk : column.chunks) {
      for (std::int64_t row = 0; row < chunk.length; ++row) {
        bool null = !valid(chunk, row);
        if (!null && column.type == ColumnType::kDictionary) {
          const Column& values = column.dictionaries[static_cast<std::size_t>(chunk.dictionary)];
          std::int64_t index = index_at(column, chunk, row);
          std::size_t part = 0;
          while (index >= values.chunks[part].length) index -= values.chunks[part++].length;
          null = !valid(values.chunks[part], index);
        }
        out[first + row] =
            static_cast<std::uint8_t>((c > 0 && out[first + row] != 0) || (null && !nulls_equal_));
      }
      first += chunk.length;
    }
  }
}

void KeyTable::code_words(const Column& column, std::int64_t, bool right, std::int32_t* out) {
  PairKey pairs[kKeyBlock];
  read_blocks<WordKey>(column, shapes_[0], right,
                       [&](const Column&, const WordKey* keys, const std::uint8_t* states, std::int64_t count,
                           std::int64_t row) {
                         for (std::int64_t i = 0; i < count; ++i) pairs[i] = {keys[i].a, 0};
                         code_pairs(pairs, states, count, out + row);
                       });
}

void KeyTable::code_bytes(const Column& column, std::int64_t, bool right, std::int32_t* out) {
  PairKey pairs[kKeyBlock];
  std::uint8_t fixed[kKeyBlock];
  read_blocks<BytesKey>(
      column, shapes_[0], right,
      [&](const Column&, const BytesKey* keys, const std::uint8_t* states, std::int64_t count,
          std::int64_t row) {
        for (std::int64_t i = 0; i < count; ++i) {
          fixed[i] = states == nullptr ? std::uint8_t{kKeyValid} : states[i];
          pairs[i] = fixed[i] == kKeyValid ? pair_of_bytes(keys[i].data, keys[i].length) : PairKey{0, 0};
        }
        code_pairs(pairs, states == nullptr ? nullptr : fixed, count, out + row);
      });
}

// Compound keys as bytes: per column a state and the word, or the length and the bytes.
void KeyTable::code_many(const std::vector<Column>& columns, std::int64_t rows, bool right,
                         std::int32_t* out) {
  const auto n = static_cast<std::size_t>(rows);
  std::vector<std::uint64_t> words(columns.size() * n);
  std::vector<std::pair<const std::uint8_t*, std::int64_t>> bytes(columns.size() * n);
  std::vector<std::uint8_t> states(columns.size() * n, kKeyValid);
  std::vector<std::uint8_t> is_text(columns.size(), 0);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const auto keep = [&](const std::uint8_t* from, std::int64_t count, std::int64_t row) {
      if (from != nullptr)
        std::memcpy(states.data() + c * n + static_cast<std::size_t>(row), from,
                    static_cast<std::size_t>(count));
    };
    if (is_bytes(leaf_column(columns[c]).type)) {
      is_text[c] = 1;
      read_blocks<BytesKey>(
          columns[c], shapes_[c], right,
          [&](const Column&, const BytesKey* keys, const std::uint8_t* from, std::int64_t count,
              std::int64_t row) {
            for (std::int64_t i = 0; i < count; ++i) {
              bytes[c * n + static_cast<std::size_t>(row + i)] = {keys[i].data, keys[i].length};
            }
            keep(from, count, row);
          });
    } else {
      read_blocks<WordKey>(columns[c], shapes_[c], right,
                           [&](const Column&, const WordKey* keys, const std::uint8_t* from,
                               std::int64_t count, std::int64_t row) {
                             for (std::int64_t i = 0; i < count; ++i) {
                               words[c * n + static_cast<std::size_t>(row + i)] = keys[i].a;
                             }
                             keep(from, count, row);
                           });
    }
  }
  const auto put = [this](const void* data, std::size_t size) {
    const auto* from = static_cast<const std::uint8_t*>(data);
    compound_.insert(compound_.end(), from, from + size);
  };
  for (std::size_t i = 0; i < n; ++i) {
    compound_.clear();
    std::int32_t code = 0;
    for (std::size_t c = 0; c < columns.size() && code >= 0; ++c) {
      const std::uint8_t state = states[c * n + i];
      if (state == kKeyDead) {
        code = kDeadKey;
      } else if (state == kKeyNull) {
        if (!nulls_equal_) code = kNullKey;
        compound_.push_back(0);
      } else {
        compound_.push_back(1);
        if (is_text[c] != 0) {
          const auto [data, length] = bytes[c * n + i];
          const auto size = static_cast<std::uint32_t>(length);
          put(&size, 4);
          if (length > 0) put(data, static_cast<std::size_t>(length));
        } else {
          put(&words[c * n + i], 8);
        }
      }
    }
    // A null elsewhere in the key is a null key whatever the other columns hold.
    for (std::size_t c = 0; c < columns.size() && code == kDeadKey && !nulls_equal_; ++c) {
      if (states[c * n + i] == kKeyNull) code = kNullKey;
    }
    if (code >= 0) {
      const PairKey key = pair_of_bytes(compound_.data(), static_cast<std::int64_t>(compound_.size()));
      code = find_or_insert(key, key.hash());
    }
    out[i] = code;
  }
}

void KeyTable::code_pairs(const PairKey* keys, const std::uint8_t* states, std::int64_t count,
                          std::int32_t* out) {
  std::uint64_t hashes[kKeyBlock];
  const std::size_t mask = slots_.size() - 1;
  for (std::int64_t i = 0; i < count; ++i) {
    hashes[i] = keys[i].hash();
    prefetch_read(slots_.data(), static_cast<std::int64_t>((hashes[i] & mask) * sizeof(Slot)));
  }
  for (std::int64_t i = 0; i < count; ++i) {
    if (states != nullptr && states[i] != kKeyValid) {
      if (states[i] == kKeyDead) {
        out[i] = kDeadKey;
      } else if (nulls_equal_) {
        const PairKey null{0, kNullTag};
        out[i] = find_or_insert(null, null.hash());
      } else {
        out[i] = kNullKey;
      }
      continue;
    }
    out[i] = find_or_insert(keys[i], hashes[i]);
  }
}

std::int32_t KeyTable::find_or_insert(const PairKey& key, std::uint64_t hash) {
  std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  for (; slots_[at].code >= 0; at = (at + 1) & mask) {
    if (slots_[at].a == key.a && slots_[at].b == key.b) return slots_[at].code;
  }
  if (static_cast<std::size_t>(live_ + 1) * 2 > slots_.size()) {
    grow();
    mask = slots_.size() - 1;
    at = hash & mask;
    while (slots_[at].code >= 0) at = (at + 1) & mask;
  }
  std::int32_t code;
  if (!free_.empty()) {
    code = free_.back();
    free_.pop_back();
  } else {
    if (limit_ >= INT32_MAX - 16) throw Error(ErrorCode::ARG_RANGE, "more than 2^31 distinct keys");
    code = limit_++;
  }
  slots_[at] = {key.a, key.b, code};
  ++live_;
  ++fresh_;
  return code;
}

void KeyTable::place(std::vector<Slot>& slots, const Slot& slot) noexcept {
  const std::size_t mask = slots.size() - 1;
  std::size_t at = PairKey{slot.a, slot.b}.hash() & mask;
  while (slots[at].code >= 0) at = (at + 1) & mask;
  slots[at] = slot;
}

void KeyTable::grow() {
  std::vector<Slot> wider(slots_.size() * 2);
  for (const Slot& slot : slots_) {
    if (slot.code >= 0) place(wider, slot);
  }
  slots_ = std::move(wider);
}

PairKey KeyTable::pair_of_bytes(const std::uint8_t* data, std::int64_t length) {
  if (length > kPairBytes) return {intern(data, length), kLongTag};
  std::uint8_t raw[16] = {};
  if (length > 0) std::memcpy(raw, data, static_cast<std::size_t>(length));
  raw[15] = static_cast<std::uint8_t>(length);
  PairKey key{0, 0};
  for (int i = 0; i < 8; ++i) {
    key.a |= static_cast<std::uint64_t>(raw[i]) << (8 * i);
    key.b |= static_cast<std::uint64_t>(raw[8 + i]) << (8 * i);
  }
  return key;
}

std::uint32_t KeyTable::intern(const std::uint8_t* data, std::int64_t length) {
  const std::uint64_t hash = BytesKey::hash_of(data, length);
  std::size_t mask = long_slots_.size() - 1;
  std::size_t at = hash & mask;
  for (; long_slots_[at] != 0; at = (at + 1) & mask) {
    const Long& entry = longs_[long_slots_[at] - 1];
    if (entry.hash == hash && entry.length == length &&
        std::memcmp(text_.data() + entry.offset, data, static_cast<std::size_t>(length)) == 0) {
      return long_slots_[at] - 1;
    }
  }
  if ((longs_.size() + 1) * 2 > long_slots_.size()) {
    std::vector<std::uint32_t> wider(long_slots_.size() * 2, 0);
    mask = wider.size() - 1;
    for (std::size_t i = 0; i < longs_.size(); ++i) {
      at = longs_[i].hash & mask;
      while (wider[at] != 0) at = (at + 1) & mask;
      wider[at] = static_cast<std::uint32_t>(i + 1);
    }
    long_slots_ = std::move(wider);
    at = hash & mask;
    while (long_slots_[at] != 0) at = (at + 1) & mask;
  }
  const std::uint64_t offset = text_.size();
  longs_.reserve(longs_.size() + 1 > longs_.capacity() ? longs_.size() * 2 + 8 : 0);
  text_.insert(text_.end(), data, data + length);
  longs_.push_back({offset, static_cast<std::uint32_t>(length), hash});
  long_slots_[at] = static_cast<std::uint32_t>(longs_.size());
  return static_cast<std::uint32_t>(longs_.size() - 1);
}

void KeyTable::forget(const std::vector<std::uint8_t>& alive) {
  if (shapes_.empty()) return;
  std::int32_t left = 0;
  for (const Slot& slot : slots_) left += slot.code >= 0 && alive[static_cast<std::size_t>(slot.code)] != 0;
  std::size_t size = 64;
  while (size < static_cast<std::size_t>(left) * 3) size *= 2;
  std::vector<Slot> kept(size);
  std::vector<std::int32_t> free;
  free.reserve(static_cast<std::size_t>(limit_));
  std::vector<std::uint8_t> text;
  std::vector<Long> longs;
  std::vector<std::uint32_t> long_slots(16, 0);
  std::vector<std::uint8_t> taken(static_cast<std::size_t>(limit_), 0);
  for (Slot slot : slots_) {
    if (slot.code < 0 || alive[static_cast<std::size_t>(slot.code)] == 0) continue;
    taken[static_cast<std::size_t>(slot.code)] = 1;
    if (slot.b == kLongTag) {
      const Long entry = longs_[slot.a];
      slot.a = longs.size();
      longs.push_back({text.size(), entry.length, entry.hash});
      text.insert(text.end(), text_.begin() + static_cast<std::ptrdiff_t>(entry.offset),
                  text_.begin() + static_cast<std::ptrdiff_t>(entry.offset + entry.length));
    }
    place(kept, slot);
  }
  while (long_slots.size() < longs.size() * 3) long_slots.resize(long_slots.size() * 2, 0);
  for (std::size_t i = 0; i < longs.size(); ++i) {
    std::size_t at = longs[i].hash & (long_slots.size() - 1);
    while (long_slots[at] != 0) at = (at + 1) & (long_slots.size() - 1);
    long_slots[at] = static_cast<std::uint32_t>(i + 1);
  }
  for (std::int32_t code = limit_; code-- > 0;) {
    if (taken[static_cast<std::size_t>(code)] == 0) free.push_back(code);
  }
  slots_ = std::move(kept);
  free_ = std::move(free);
  text_ = std::move(text);
  longs_ = std::move(longs);
  long_slots_ = std::move(long_slots);
  live_ = left;
  fresh_ = 0;
}

std::vector<std::vector<KeyText>> KeyTable::texts() const {
  std::vector<std::vector<KeyText>> all(static_cast<std::size_t>(limit_));
  for (const Slot& slot : slots_) {
    if (slot.code < 0) continue;
    std::vector<KeyText>& texts = all[static_cast<std::size_t>(slot.code)];
    if (slot.b == kNullTag) {
      texts.resize(1);
      continue;
    }
    std::string bytes;
    if (slot.b == kLongTag) {
      const Long& entry = longs_[slot.a];
      bytes.assign(reinterpret_cast<const char*>(text_.data()) + entry.offset, entry.length);
    } else if (shapes_.size() > 1 || is_bytes(forms_[0])) {
      for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(slot.a >> (8 * i)));
      for (int i = 0; i < 7; ++i) bytes.push_back(static_cast<char>(slot.b >> (8 * i)));
      bytes.resize(static_cast<std::size_t>(slot.b >> 56));
    } else {
      texts.push_back({KeyText::Form::kWord, slot.a, {}});
      continue;
    }
    if (shapes_.size() == 1) {
      texts.push_back({KeyText::Form::kBytes, 0, std::move(bytes)});
      continue;
    }
    std::size_t at = 0;
    for (std::size_t c = 0; c < shapes_.size(); ++c) {
      texts.emplace_back();
      if (bytes[at++] == 0) continue;
      if (is_bytes(forms_[c])) {
        std::uint32_t length;
        std::memcpy(&length, bytes.data() + at, 4);
        texts.back() = {KeyText::Form::kBytes, 0, bytes.substr(at + 4, length)};
        at += 4 + std::size_t{length};
      } else {
        texts.back().form = KeyText::Form::kWord;
        std::memcpy(&texts.back().word, bytes.data() + at, 8);
        at += 8;
      }
    }
  }
  return all;
}

void KeyTable::clear() noexcept {
  std::fill(slots_.begin(), slots_.end(), Slot{});
  std::fill(long_slots_.begin(), long_slots_.end(), 0u);
  free_.clear();
  longs_.clear();
  text_.clear();
  fresh_ = 0;
  limit_ = live_ = shapes_.empty() ? 1 : 0;
}

}  // namespace flowstate::stream

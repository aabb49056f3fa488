#include "left_codes.h"

#include <cstring>

#include "column_check.h"

namespace flowstate::asof {
namespace {

template <typename Index>
void remap_as(const Chunk& chunk, const std::int32_t* map, std::int64_t begin, std::int64_t count,
              std::int32_t null_code, std::int32_t* out) noexcept {
  const auto* indices = reinterpret_cast<const Index*>(chunk.values) + begin;
  if (chunk.validity == nullptr) {
    for (std::int64_t i = 0; i < count; ++i) out[i] = map[static_cast<std::size_t>(indices[i])];
    return;
  }
  const std::int64_t bit = chunk.bit_offset + begin;
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = bit_at(chunk.validity, bit + i) ? map[static_cast<std::size_t>(indices[i])] : null_code;
  }
}

}  // namespace

void remap_block(const Column& column, const std::vector<std::vector<std::int32_t>>& maps, const Piece& piece,
                 std::int64_t begin, std::int64_t count, std::int32_t null_code, std::int32_t* out) noexcept {
  const Chunk& chunk = *piece.chunk;
  if (chunk.dictionary < 0) {
    std::fill(out, out + count, null_code);  // no dictionary: the check saw that every row is null
    return;
  }
  const std::int32_t* map = maps[static_cast<std::size_t>(chunk.dictionary)].data();
  const std::int64_t from = piece.begin + begin;
  switch (column.index_type) {
    case ColumnType::kInt8:
      return remap_as<std::int8_t>(chunk, map, from, count, null_code, out);
    case ColumnType::kInt16:
      return remap_as<std::int16_t>(chunk, map, from, count, null_code, out);
    case ColumnType::kInt32:
      return remap_as<std::int32_t>(chunk, map, from, count, null_code, out);
    case ColumnType::kInt64:
      return remap_as<std::int64_t>(chunk, map, from, count, null_code, out);
    case ColumnType::kUInt8:
      return remap_as<std::uint8_t>(chunk, map, from, count, null_code, out);
    case ColumnType::kUInt16:
      return remap_as<std::uint16_t>(chunk, map, from, count, null_code, out);
    case ColumnType::kUInt32:
      return remap_as<std::uint32_t>(chunk, map, from, count, null_code, out);
    default:
      return remap_as<std::uint64_t>(chunk, map, from, count, null_code, out);
  }
}

std::vector<Leaf> leaves_of(const KeyColumn& key, bool scaled, bool unchecked) {
  std::vector<Leaf> leaves;
  const auto add = [&](const Column& column, bool check) {
    Leaf leaf;
    leaf.column = &column;
    leaf.scale = scaled ? key.scale : 1;
    leaf.unsigned_foreign = scaled && key.unsigned_foreign;
    leaf.unchecked = check;
    leaves.push_back(leaf);
  };
  if (key.column.type != ColumnType::kDictionary) {
    add(key.column, unchecked);
  } else {
    // Dictionaries are checked with their column's shape.
    for (const Column& dictionary : key.column.dictionaries) add(dictionary, false);
  }
  return leaves;
}

LeftCodes::LeftCodes(const Context& context, std::shared_ptr<const Coder> coder, const KeyColumn& key,
                     Codes codes, bool unchecked)
    : coder_(std::move(coder)),
      column_(&key.column),
      special_(codes),
      unchecked_(unchecked && has_row_checks(key.column)),
      leaves_(leaves_of(key, true, false)) {
  for (const Chunk& chunk : column_->chunks) {
    if (chunk.length > 0) runs_.push_back({rows_, &chunk});
    rows_ += chunk.length;
  }
  if (column_->type != ColumnType::kDictionary) return;
  for (const Leaf& leaf : leaves_) {
    maps_.emplace_back(static_cast<std::size_t>(leaf.rows()) + 1);
    coder_->find(context, leaf, special_, maps_.back().data());
  }
}

void LeftCodes::kill(const std::vector<std::uint8_t>& dead) {
  if (dead.empty()) return;
  dead_ = &dead;
  auto* codes = codes_.as<std::int32_t>();
  for (std::size_t i = 0; ready_ && i < dead.size(); ++i) {
    if (dead[i] != 0) codes[i] = kDeadLeft;
  }
}

void LeftCodes::compute(std::int64_t begin, std::int64_t count, std::int32_t* out) const {
  auto run = std::upper_bound(runs_.begin(), runs_.end(), begin,
                              [](std::int64_t row, const Run& at) { return row < at.first; }) -
             1;
  for (std::int64_t row = begin; row < begin + count;) {
    while (row - run->first >= run->chunk->length) ++run;
    const std::int64_t from = row - run->first;
    const std::int64_t size = std::min({kKeyBlock, begin + count - row, run->chunk->length - from});
    const Piece piece{run->chunk, from, size, row};
    std::int32_t* to = out + (row - begin);
    if (unchecked_) check_chunk_rows(*column_, *run->chunk, run->first, from, from + size);
    if (maps_.empty() && column_->type != ColumnType::kDictionary) {
      coder_->find_block(leaves_[0], piece, 0, size, special_, to);
    } else {
      remap_block(*column_, maps_, piece, 0, size, special_.null_code, to);
    }
    row += size;
  }
  if (dead_ == nullptr) return;
  for (std::int64_t i = 0; i < count; ++i) {
    if ((*dead_)[static_cast<std::size_t>(begin + i)] != 0) out[i] = kDeadLeft;
  }
}

void LeftCodes::read(std::int64_t begin, std::int64_t count, std::int32_t* out) const {
  if (count <= 0) return;
  if (ready_) {
    std::memcpy(out, codes_.as<std::int32_t>() + begin, static_cast<std::size_t>(count) * 4);
  } else {
    compute(begin, count, out);
  }
}

const std::int32_t* LeftCodes::all(const Context& context) {
  if (!ready_) {
    codes_ = code_buffer(rows_);
    auto* out = codes_.as<std::int32_t>();
    context.ranges(rows_, kTaskRows,
                   [&](std::int64_t begin, std::int64_t end) { compute(begin, end - begin, out + begin); });
    ready_ = true;
  }
  return codes_.as<std::int32_t>();
}

}  // namespace flowstate::asof

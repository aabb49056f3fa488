#include "row_store.h"

#include <algorithm>
#include <new>
#include <string>

#include "asof/context.h"
#include "flowstate/error.h"

namespace flowstate::stream {
namespace {

using asof::bit_at;
using asof::OutputColumn;

constexpr std::size_t kCompactFrom = 64 * 1024;

std::size_t align_up(std::size_t at, std::size_t unit) { return (at + unit - 1) / unit * unit; }

struct Word128 {
  std::uint64_t a;
  std::uint64_t b;
};

template <typename Word>
void scatter(const std::uint8_t* from, const std::uint32_t* rows, std::uint8_t* base, std::size_t stride,
             const std::uint32_t* slots, std::int64_t count) noexcept {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::size_t row = rows == nullptr ? static_cast<std::size_t>(i) : rows[i];
    std::memcpy(base + slots[i] * stride, from + row * sizeof(Word), sizeof(Word));
  }
}

template <typename Word>
void collect(const std::uint8_t* base, std::size_t stride, const std::uint32_t* slots, std::int64_t count,
             bool all, std::uint8_t* to) noexcept {
  if (all) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::memcpy(to + static_cast<std::size_t>(i) * sizeof(Word), base + slots[i] * stride, sizeof(Word));
    }
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    Word value{};
    if (slots[i] != kNoSlot) std::memcpy(&value, base + slots[i] * stride, sizeof(Word));
    std::memcpy(to + static_cast<std::size_t>(i) * sizeof(Word), &value, sizeof(Word));
  }
}

template <typename Offset>
std::int64_t text_length(const Chunk& chunk, std::int64_t row) noexcept {
  const auto* offsets = static_cast<const Offset*>(chunk.offsets);
  return offsets[row + 1] - offsets[row];
}

// Bytes of all values of a text column.
std::size_t text_bytes(const Column& column) noexcept {
  std::size_t total = 0;
  for (const Chunk& chunk : column.chunks) {
    if (chunk.length == 0) continue;
    if (column.type == ColumnType::kBytes32) {
      const auto* offsets = static_cast<const std::int32_t*>(chunk.offsets);
      total += static_cast<std::size_t>(offsets[chunk.length] - offsets[0]);
    } else {
      const auto* offsets = static_cast<const std::int64_t*>(chunk.offsets);
      total += static_cast<std::size_t>(offsets[chunk.length] - offsets[0]);
    }
  }
  return total;
}

}  // namespace

void RowStore::Free::operator()(std::uint8_t* memory) const noexcept {
  ::operator delete(memory, std::align_val_t{64});
}

RowStore::Memory RowStore::allocate(std::size_t size) {
  auto* memory = static_cast<std::uint8_t*>(::operator new(size, std::align_val_t{64}, std::nothrow));
  if (memory == nullptr) {
    throw Error(ErrorCode::OUT_OF_MEMORY,
                "could not allocate " + std::to_string(size) + " bytes of stream state",
                {{"bytes", static_cast<std::int64_t>(size)}});
  }
  return Memory(memory);
}

RowStore::RowStore(std::vector<ColumnShape> columns, int words) : columns_(std::move(columns)) {
  validity_ = sizeof(RowHeader) + static_cast<std::size_t>(words) * 8;
  std::size_t end = validity_ + (columns_.size() + 7) / 8;
  offset_.resize(columns_.size());
  width_.resize(columns_.size());
  nullable_.assign(columns_.size(), 0);
  // Small columns fill up what the validity bits leave of a word.
  std::vector<std::size_t> order(columns_.size());
  for (std::size_t c = 0; c < order.size(); ++c) {
    order[c] = c;
    const ColumnShape& shape = columns_[c];
    if (shape.type == ColumnType::kBool) {
      width_[c] = 1;
    } else if (is_text(c)) {
      width_[c] = static_cast<int>(sizeof(Text));
      any_text_ = true;
    } else if (shape.type == ColumnType::kFixed) {
      width_[c] = shape.width;
    } else {
      width_[c] = byte_width(shape.type);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [this](std::size_t a, std::size_t b) { return width_[a] < width_[b]; });
  for (const std::size_t c : order) {
    const int width = width_[c];
    end = align_up(end, width == 2 || width == 4 ? static_cast<std::size_t>(width) : width % 8 == 0 ? 8 : 1);
    offset_[c] = end;
    end += static_cast<std::size_t>(width);
  }
  stride_ = align_up(end, 8);
  grow_slots(1);
}

void RowStore::grow_slots(std::size_t rows) {
  if (free_.size() + (capacity_ - used_) >= rows) return;
  const std::size_t wanted = std::max(capacity_ + capacity_ / 2, used_ - free_.size() + rows);
  const std::size_t capacity = align_up(std::max<std::size_t>(wanted, 64), 64);
  if (capacity >= kNoSlot) throw Error(ErrorCode::ARG_RANGE, "more than 2^32 rows of stream state");
  Memory grown = allocate(capacity * stride_);
  free_.reserve(capacity);
  if (used_ > 0) std::memcpy(grown.get(), base_.get(), used_ * stride_);
  base_ = std::move(grown);
  capacity_ = capacity;
}

void RowStore::reserve(std::int64_t rows, const std::vector<Column>& columns) {
  grow_slots(static_cast<std::size_t>(rows));
  if (!any_text_) return;
  std::size_t text = 0;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    if (is_text(c)) text += text_bytes(columns[c]);
  }
  if (arena_size_ + text <= arena_capacity_) return;
  const std::size_t capacity = std::max(arena_size_ + text, arena_capacity_ + arena_capacity_ / 2);
  Memory grown = allocate(capacity);
  if (arena_size_ > 0) std::memcpy(grown.get(), arena_.get(), arena_size_);
  arena_ = std::move(grown);
  arena_capacity_ = capacity;
}

void RowStore::take(std::int64_t count, std::uint32_t* slots) noexcept {
  const auto n = static_cast<std::size_t>(count);
  const std::size_t again = std::min(n, free_.size());
  std::reverse_copy(free_.end() - static_cast<std::ptrdiff_t>(again), free_.end(), slots);
  free_.resize(free_.size() - again);
  for (std::size_t i = again; i < n; ++i) slots[i] = static_cast<std::uint32_t>(used_++);
  const std::size_t words = (validity_ - sizeof(RowHeader)) / 8;
  for (std::size_t i = 0; i < n; ++i) {
    std::uint8_t* record = base_.get() + slots[i] * stride_;
    *reinterpret_cast<RowHeader*>(record) = RowHeader{0, 0, 0, 1};
    auto* word = reinterpret_cast<std::uint64_t*>(record + sizeof(RowHeader));
    for (std::size_t w = 0; w < words; ++w) word[w] = 0;
    // A whole word: what small columns have of it is written after this.
    for (std::size_t at = 0; at * 64 < columns_.size(); ++at) word[words + at] = ~std::uint64_t{0};
  }
  live_ += count;
}

void RowStore::write(const std::vector<Column>& columns, const std::uint32_t* rows,
                     const std::uint32_t* slots, std::int64_t count) noexcept {
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    const Column& column = columns[c];
    const Chunk* chunk = nullptr;
    for (const Chunk& piece : column.chunks) {
      if (piece.length > 0) chunk = &piece;
    }
    if (chunk == nullptr) continue;
    const auto row_of = [rows](std::int64_t i) { return rows == nullptr ? i : std::int64_t{rows[i]}; };
    std::uint8_t* const base = base_.get() + offset_[c];
    if (column.type == ColumnType::kBool) {
      for (std::int64_t i = 0; i < count; ++i) {
        base[slots[i] * stride_] = bit_at(chunk->values, chunk->bit_offset + row_of(i)) ? 1 : 0;
      }
    } else if (is_text(c)) {
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t row = row_of(i);
        std::int64_t from;
        std::int64_t length;
        if (column.type == ColumnType::kBytes32) {
          from = static_cast<const std::int32_t*>(chunk->offsets)[row];
          length = text_length<std::int32_t>(*chunk, row);
        } else {
          from = static_cast<const std::int64_t*>(chunk->offsets)[row];
          length = text_length<std::int64_t>(*chunk, row);
        }
        if (chunk->validity != nullptr && !bit_at(chunk->validity, chunk->bit_offset + row)) length = 0;
        const Text text{arena_size_, static_cast<std::uint64_t>(length)};
        if (length > 0)
          std::memcpy(arena_.get() + arena_size_, chunk->values + from, static_cast<std::size_t>(length));
        arena_size_ += static_cast<std::size_t>(length);
        arena_live_ += static_cast<std::size_t>(length);
        std::memcpy(base + slots[i] * stride_, &text, sizeof(Text));
      }
    } else {
      switch (width_[c]) {
        case 1:
          scatter<std::uint8_t>(chunk->values, rows, base, stride_, slots, count);
          break;
        case 2:
          scatter<std::uint16_t>(chunk->values, rows, base, stride_, slots, count);
          break;
        case 4:
          scatter<std::uint32_t>(chunk->values, rows, base, stride_, slots, count);
          break;
        case 8:
          scatter<std::uint64_t>(chunk->values, rows, base, stride_, slots, count);
          break;
        case 16:
          scatter<Word128>(chunk->values, rows, base, stride_, slots, count);
          break;
        default: {
          const auto width = static_cast<std::size_t>(width_[c]);
          for (std::int64_t i = 0; i < count && width > 0; ++i) {
            std::memcpy(base + slots[i] * stride_,
                        chunk->values + static_cast<std::size_t>(row_of(i)) * width, width);
          }
        }
      }
    }
    if (chunk->validity == nullptr) continue;
    for (std::int64_t i = 0; i < count; ++i) {
      if (bit_at(chunk->validity, chunk->bit_offset + row_of(i))) continue;
      std::uint8_t* record = base_.get() + slots[i] * stride_;
      record[validity_ + c / 8] = static_cast<std::uint8_t>(record[validity_ + c / 8] & ~(1u << (c % 8)));
      if (!is_text(c)) std::memset(record + offset_[c], 0, static_cast<std::size_t>(width_[c]));
      nullable_[c] = 1;
    }
  }
}

void RowStore::free_row(std::uint32_t slot) noexcept {
  for (std::size_t c = 0; any_text_ && c < columns_.size(); ++c) {
    if (!is_text(c)) continue;
    Text text;
    std::memcpy(&text, at(slot, c), sizeof(Text));
    arena_live_ -= text.length;
  }
  free_.push_back(slot);
  --live_;
}

void RowStore::compact() noexcept {
  if (arena_size_ < kCompactFrom || arena_live_ * 2 > arena_size_) return;
  auto* memory = static_cast<std::uint8_t*>(
      ::operator new(arena_live_ + arena_live_ / 2 + 64, std::align_val_t{64}, std::nothrow));
  if (memory == nullptr) return;
  Memory fresh(memory);
  std::size_t size = 0;
  for (std::uint32_t slot = 0; slot < used_; ++slot) {
    if (header(slot).references == 0) continue;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (!is_text(c)) continue;
      Text text;
      std::memcpy(&text, at(slot, c), sizeof(Text));
      if (text.length > 0) std::memcpy(memory + size, arena_.get() + text.offset, text.length);
      text.offset = size;
      size += text.length;
      std::memcpy(at(slot, c), &text, sizeof(Text));
    }
  }
  arena_ = std::move(fresh);
  arena_capacity_ = arena_live_ + arena_live_ / 2 + 64;
  arena_size_ = size;
}

void RowStore::clear() noexcept {
  arena_.reset();
  free_.clear();
  used_ = arena_size_ = arena_capacity_ = arena_live_ = 0;
  live_ = 0;
}

OutputColumn RowStore::gather(std::size_t column, const std::uint32_t* slots, std::int64_t count) const {
  const auto n = static_cast<std::size_t>(count);
  OutputColumn output;
  if (n == 0) return is_text(column) ? gather_text(column, slots, 0) : std::move(output);
  bool all = true;
  for (std::size_t i = 0; i < n; ++i) all &= slots[i] != kNoSlot;
  std::int64_t nulls = 0;
  if (!all || nullable_[column] != 0) {
    output.validity = Buffer((n + 7) / 8);
    std::memset(output.validity.data(), 0, output.validity.size());
    for (std::size_t i = 0; i < n; ++i) {
      const bool there = slots[i] != kNoSlot && valid(slots[i], column);
      output.validity.data()[i / 8] =
          static_cast<std::uint8_t>(output.validity.data()[i / 8] | (there ? 1u << (i % 8) : 0u));
      nulls += !there;
    }
    if (nulls == 0) output.validity = Buffer();
  }
  if (is_text(column)) {
    OutputColumn text = gather_text(column, slots, count);
    text.validity = std::move(output.validity);
    text.null_count = nulls;
    return text;
  }
  output.length = count;
  output.null_count = nulls;
  const std::uint8_t* base = base_.get() + offset_[column];
  if (columns_[column].type == ColumnType::kBool) {
    output.values = Buffer((n + 7) / 8);
    std::memset(output.values.data(), 0, output.values.size());
    for (std::size_t i = 0; i < n; ++i) {
      const bool on = slots[i] != kNoSlot && base[slots[i] * stride_] != 0;
      output.values.data()[i / 8] =
          static_cast<std::uint8_t>(output.values.data()[i / 8] | (on ? 1u << (i % 8) : 0u));
    }
    return output;
  }
  const auto width = static_cast<std::size_t>(width_[column]);
  output.values = Buffer(n * width);
  std::uint8_t* to = output.values.data();
  switch (width) {
    case 1:
      collect<std::uint8_t>(base, stride_, slots, count, all, to);
      break;
    case 2:
      collect<std::uint16_t>(base, stride_, slots, count, all, to);
      break;
    case 4:
      collect<std::uint32_t>(base, stride_, slots, count, all, to);
      break;
    case 8:
      collect<std::uint64_t>(base, stride_, slots, count, all, to);
      break;
    case 16:
      collect<Word128>(base, stride_, slots, count, all, to);
      break;
    default:
      for (std::size_t i = 0; i < n && width > 0; ++i) {
        if (slots[i] == kNoSlot) {
          std::memset(to + i * width, 0, width);
        } else {
          std::memcpy(to + i * width, base + slots[i] * stride_, width);
        }
      }
  }
  return output;
}

OutputColumn RowStore::gather_text(std::size_t column, const std::uint32_t* slots, std::int64_t count) const {
  const auto n = static_cast<std::size_t>(count);
  const bool narrow = columns_[column].type == ColumnType::kBytes32;
  OutputColumn output;
  output.length = count;
  output.offsets = Buffer((n + 1) * (narrow ? 4 : 8));
  std::uint64_t total = 0;
  const auto text_of = [&](std::uint32_t slot) {
    Text text{0, 0};
    if (slot != kNoSlot) std::memcpy(&text, at(slot, column), sizeof(Text));
    return text;
  };
  for (std::size_t i = 0; i <= n; ++i) {
    if (narrow) {
      output.offsets.as<std::int32_t>()[i] = static_cast<std::int32_t>(total);
    } else {
      output.offsets.as<std::int64_t>()[i] = static_cast<std::int64_t>(total);
    }
    if (i < n) total += text_of(slots[i]).length;
  }
  if (narrow && total > INT32_MAX) {
    throw Error(ErrorCode::LENGTH,
                columns_[column].name + ": the rows to emit take " + std::to_string(total) +
                    " bytes, more than 32-bit offsets can address; emit fewer rows at once",
                {{"bytes", static_cast<std::int64_t>(total)}});
  }
  output.values = Buffer(total);
  std::uint8_t* to = output.values.data();
  for (std::size_t i = 0; i < n; ++i) {
    const Text text = text_of(slots[i]);
    if (text.length > 0) std::memcpy(to, arena_.get() + text.offset, text.length);
    to += text.length;
  }
  return output;
}

}  // namespace flowstate::stream

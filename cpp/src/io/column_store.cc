#include "io/column_store.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "flowstate/error.h"

namespace flowstate::io {

namespace {

[[noreturn]] void throw_too_long(const std::string& name) {
  throw Error(ErrorCode::LENGTH,
              "column " + name + " has more than 2 GiB of text or bytes; read the file in batches instead");
}

std::int64_t row_width(const ScanColumn& column) {
  switch (column.kind) {
    case ScanKind::kFixed:
    case ScanKind::kFixedBinary:
      return column.width;
    case ScanKind::kText:
      return 4;
    case ScanKind::kInterval:
      return 16;
    case ScanKind::kBool:
    case ScanKind::kBinary:
      return 0;
  }
  return 0;
}

std::size_t bitmap_bytes(std::int64_t rows) { return static_cast<std::size_t>((rows + 63) / 64 * 8); }

std::uint64_t low_bits(std::int64_t count) noexcept {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

}  // namespace

bool prefers_plain(std::int64_t distinct, std::int64_t rows) noexcept {
  return distinct > 65536 && distinct * 2 > rows;
}

ColumnStore::ColumnStore(const ScanColumn& column, std::int64_t capacity)
    : column_(column),
      width_(row_width(column)),
      values_(column.kind == ScanKind::kBool ? bitmap_bytes(capacity)
                                             : static_cast<std::size_t>(width_ * capacity)),
      validity_(bitmap_bytes(capacity)) {
  if (column.kind == ScanKind::kBool && !values_.empty()) std::memset(values_.data(), 0, values_.size());
  if (!validity_.empty()) std::memset(validity_.data(), 0xff, validity_.size());
}

void ColumnStore::write(const void* data, const std::uint64_t* valid, std::int64_t row, std::int64_t count,
                        TextDictionary* codes, bool ascending) {
  if (valid != nullptr) write_nulls(valid, row, count);
  switch (column_.kind) {
    case ScanKind::kFixed: {
      std::uint8_t* to = values_.data() + row * width_;
      std::memcpy(to, data, static_cast<std::size_t>(count * width_));
      if (valid != nullptr) {
        for (std::int64_t i = 0; i < count; ++i) {
          if (!is_valid(valid, i)) std::memset(to + i * width_, 0, static_cast<std::size_t>(width_));
        }
      }
      return;
    }
    case ScanKind::kBool:
      return write_bools(static_cast<const std::uint8_t*>(data), valid, row, count);
    case ScanKind::kText:
      return write_text(static_cast<const duck::String*>(data), valid, row, count, *codes, ascending);
    case ScanKind::kBinary:
    case ScanKind::kFixedBinary:
      return write_binary(static_cast<const duck::String*>(data), valid, row, count);
    case ScanKind::kInterval:
      return write_intervals(static_cast<const duck::Interval*>(data), valid, row, count);
  }
}

void ColumnStore::write_nulls(const std::uint64_t* valid, std::int64_t row, std::int64_t count) {
  auto* bits = validity_.as<std::uint64_t>();
  std::int64_t nulls = 0;
  for (std::int64_t i = 0; i < count; i += 64) {
    const std::uint64_t missing = ~valid[i >> 6] & low_bits(count - i);
    if (missing == 0) continue;
    nulls += __builtin_popcountll(missing);
    const std::int64_t at = row + i;
    const int shift = static_cast<int>(at & 63);
    std::atomic_ref<std::uint64_t>(bits[at >> 6]).fetch_and(~(missing << shift), std::memory_order_relaxed);
    if (shift != 0 && (missing >> (64 - shift)) != 0) {
      std::atomic_ref<std::uint64_t>(bits[(at >> 6) + 1])
          .fetch_and(~(missing >> (64 - shift)), std::memory_order_relaxed);
    }
  }
  if (nulls > 0) null_count_.fetch_add(nulls, std::memory_order_relaxed);
}

void ColumnStore::write_bools(const std::uint8_t* data, const std::uint64_t* valid, std::int64_t row,
                              std::int64_t count) {
  auto* bits = values_.as<std::uint64_t>();
  for (std::int64_t i = 0; i < count;) {
    const std::int64_t at = row + i;
    const std::int64_t here = std::min<std::int64_t>(64 - (at & 63), count - i);
    std::uint64_t word = 0;
    for (std::int64_t k = 0; k < here; ++k) {
      word |= static_cast<std::uint64_t>(data[i + k] != 0 && is_valid(valid, i + k)) << k;
    }
    std::atomic_ref<std::uint64_t>(bits[at >> 6]).fetch_or(word << (at & 63), std::memory_order_relaxed);
    i += here;
  }
}

void ColumnStore::write_text(const duck::String* data, const std::uint64_t* valid, std::int64_t row,
                             std::int64_t count, TextDictionary& codes, bool ascending) {
  std::int32_t* to = values_.as<std::int32_t>() + row;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!is_valid(valid, i)) {
      to[i] = 0;
      continue;
    }
    to[i] = codes.intern(data[i], row + i);
    if (!ascending) codes.seen(to[i], row + i);
  }
}

void ColumnStore::write_binary(const duck::String* data, const std::uint64_t* valid, std::int64_t row,
                               std::int64_t count) {
  if (column_.kind == ScanKind::kFixedBinary) {
    std::uint8_t* to = values_.data() + row * width_;
    for (std::int64_t i = 0; i < count; ++i) {
      if (!is_valid(valid, i)) {
        std::memset(to + i * width_, 0, static_cast<std::size_t>(width_));
        continue;
      }
      if (data[i].length != static_cast<std::uint32_t>(width_)) {
        throw Error(ErrorCode::CORRUPT, "column " + column_.name + ": expected " + std::to_string(width_) +
                                            " bytes, found " + std::to_string(data[i].length));
      }
      std::memcpy(to + i * width_, data[i].data(), static_cast<std::size_t>(width_));
    }
    return;
  }
  BinaryPart part{row, std::vector<std::int32_t>(static_cast<std::size_t>(count)), {}};
  for (std::int64_t i = 0; i < count; ++i) {
    if (!is_valid(valid, i)) continue;
    part.lengths[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(data[i].length);
    part.bytes.insert(part.bytes.end(), data[i].data(), data[i].data() + data[i].length);
  }
  const std::lock_guard lock(mutex_);
  parts_.push_back(std::move(part));
}

void ColumnStore::write_intervals(const duck::Interval* data, const std::uint64_t* valid, std::int64_t row,
                                  std::int64_t count) {
  std::uint8_t* to = values_.data() + row * 16;
  for (std::int64_t i = 0; i < count; ++i, to += 16) {
    if (!is_valid(valid, i)) {
      std::memset(to, 0, 16);
      continue;
    }
    std::int64_t nanos = 0;
    if (__builtin_mul_overflow(data[i].micros, std::int64_t{1000}, &nanos)) {
      throw Error(ErrorCode::OVERFLOW,
                  "column " + column_.name + ": an interval does not fit 64-bit nanoseconds");
    }
    std::memcpy(to, &data[i].months, 4);
    std::memcpy(to + 4, &data[i].days, 4);
    std::memcpy(to + 8, &nanos, 8);
  }
}

void ColumnStore::join_parts(std::int64_t rows, ScannedColumn& column) {
  std::sort(parts_.begin(), parts_.end(),
            [](const BinaryPart& a, const BinaryPart& b) { return a.row < b.row; });
  std::size_t total = 0;
  for (const BinaryPart& part : parts_) total += part.bytes.size();
  if (total > static_cast<std::size_t>(kMaxOffset)) throw_too_long(column_.name);
  column.offsets = Buffer(static_cast<std::size_t>(rows + 1) * 4);
  column.values = Buffer(total);
  auto* offsets = column.offsets.as<std::int32_t>();
  offsets[0] = 0;
  std::int64_t row = 0;
  std::size_t at = 0;
  for (const BinaryPart& part : parts_) {
    if (!part.bytes.empty()) std::memcpy(column.values.data() + at, part.bytes.data(), part.bytes.size());
    at += part.bytes.size();
    for (const std::int32_t length : part.lengths) {
      offsets[row + 1] = offsets[row] + length;
      ++row;
    }
  }
}

ScannedColumn ColumnStore::finish(std::int64_t rows) {
  ScannedColumn column;
  column.length = rows;
  column.null_count = null_count_.load();
  if (column_.kind == ScanKind::kBinary) {
    join_parts(rows, column);
  } else {
    values_.shrink(column_.kind == ScanKind::kBool ? static_cast<std::size_t>((rows + 7) / 8)
                                                   : static_cast<std::size_t>(rows * width_));
    column.values = std::move(values_);
  }
  if (column.null_count > 0) {
    const auto bytes = static_cast<std::size_t>((rows + 7) / 8);
    // Bits past the end are zero, so that equal columns have equal bytes.
    if ((rows & 7) != 0) validity_.data()[bytes - 1] &= static_cast<std::uint8_t>((1 << (rows & 7)) - 1);
    validity_.shrink(bytes);
    column.validity = std::move(validity_);
  }
  return column;
}

void pack_texts(const std::string& name, const std::vector<std::string_view>& texts, Buffer& offsets,
                Buffer& values) {
  std::size_t total = 0;
  for (const std::string_view text : texts) total += text.size();
  if (total > static_cast<std::size_t>(kMaxOffset)) throw_too_long(name);
  offsets = Buffer((texts.size() + 1) * 4);
  values = Buffer(total);
  auto* ends = offsets.as<std::int32_t>();
  ends[0] = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!texts[i].empty()) std::memcpy(values.data() + at, texts[i].data(), texts[i].size());
    at += texts[i].size();
    ends[i + 1] = static_cast<std::int32_t>(at);
  }
}

void make_plain(const std::string& name, ScannedColumn& column, const std::vector<std::string_view>& texts) {
  const auto* codes = column.values.as<std::int32_t>();
  std::vector<std::string_view> rows(static_cast<std::size_t>(column.length));
  for (std::int64_t row = 0; row < column.length; ++row) {
    const bool valid = column.null_count == 0 || ((column.validity.data()[row >> 3] >> (row & 7)) & 1) != 0;
    if (valid) rows[static_cast<std::size_t>(row)] = texts[static_cast<std::size_t>(codes[row])];
  }
  Buffer values;
  pack_texts(name, rows, column.offsets, values);
  column.values = std::move(values);
  column.plain = true;
}

}  // namespace flowstate::io

// Rows of a column by number, as a result's columns: -1 is a row without a match, and gives null. Slots of nulls hold
// zeros, bits behind the last row are zeros.
#pragma once

#include <cstddef>
#include <cstdint>

#include "flowstate/functors/atomic.h"
#include "flowstate/functors/cells.h"
#include "flowstate/functors/clock.h"
#include "flowstate/functors/hd.h"

namespace flowstate::functors {

// live[i] = row[i], or -1 where that row is null.
struct LiveRowElement {
  const std::int32_t* row;
  const std::uint8_t* validity;
  std::int32_t* live;
  FS_HD void operator()(std::size_t i) const noexcept {
    const std::int32_t at = row[i];
    live[i] = at >= 0 && bit_of(validity, static_cast<std::uint64_t>(at)) ? at : -1;
  }
};

// Word i of the bitmap of rows that are not -1, and how many there are, added to *valid.
struct RowBitsElement {
  const std::int32_t* live;
  std::uint64_t count;
  std::uint32_t* bits;
  std::uint64_t* valid;
  FS_HD void operator()(std::size_t i) const noexcept {
    std::uint32_t word = 0;
    std::uint32_t ones = 0;
    for (std::uint32_t k = 0; k < 32 && i * 32 + k < count; ++k) {
      if (live[i * 32 + k] < 0) continue;
      word |= 1u << k;
      ++ones;
    }
    bits[i] = word;
    if (ones != 0) atomic_add(valid, std::uint64_t{ones});
  }
};

// Word i of a column of bits.
struct TakeBitsElement {
  const std::int32_t* live;
  std::uint64_t count;
  const std::uint8_t* in;
  std::uint32_t* out;
  FS_HD void operator()(std::size_t i) const noexcept {
    std::uint32_t word = 0;
    for (std::uint32_t k = 0; k < 32 && i * 32 + k < count; ++k) {
      const std::int32_t row = live[i * 32 + k];
      if (row >= 0 && bit_of(in, static_cast<std::uint64_t>(row))) word |= 1u << k;
    }
    out[i] = word;
  }
};

template <typename Word>
struct TakeElement {
  const std::int32_t* live;
  const Word* in;
  Word* out;
  FS_HD void operator()(std::size_t i) const noexcept { out[i] = live[i] >= 0 ? in[live[i]] : Word{0}; }
};

// Byte i of values of any width.
struct TakeWideElement {
  const std::int32_t* live;
  const std::uint8_t* in;
  std::uint8_t* out;
  std::uint64_t width;
  FS_HD void operator()(std::size_t i) const noexcept {
    const std::uint64_t slot = i / width;
    const std::int32_t row = live[slot];
    out[i] = row >= 0 ? in[static_cast<std::uint64_t>(row) * width + (i - slot * width)] : std::uint8_t{0};
  }
};

// Offsets of either width.
struct Offsets {
  const void* data;
  bool wide;
  FS_HD std::int64_t at(std::uint64_t i) const noexcept {
    return wide ? static_cast<const std::int64_t*>(data)[i] : static_cast<const std::int32_t*>(data)[i];
  }
};

// The first row whose offsets fall or leave the data, into *first.
struct CheckOffsetsElement {
  Offsets offsets;
  std::int64_t bytes;
  std::uint64_t* first;
  FS_HD void operator()(std::size_t i) const noexcept {
    const std::int64_t begin = offsets.at(i);
    const std::int64_t end = offsets.at(i + 1);
    if (begin < 0 || end < begin || end > bytes) atomic_min(first, i);
  }
};

// length[i] for i in [0, count], the last one 0: their sums are the result's offsets.
struct LengthElement {
  const std::int32_t* live;
  std::uint64_t count;
  Offsets offsets;
  std::int64_t* length;
  FS_HD void operator()(std::size_t i) const noexcept {
    const bool has = i < count && live[i] >= 0;
    const auto row = static_cast<std::uint64_t>(has ? live[i] : 0);
    length[i] = has ? offsets.at(row + 1) - offsets.at(row) : 0;
  }
};

struct NarrowElement {
  const std::int64_t* in;
  std::int32_t* out;
  FS_HD void operator()(std::size_t i) const noexcept { out[i] = static_cast<std::int32_t>(in[i]); }
};

// The bytes of row i.
struct CopyBytesElement {
  const std::int32_t* live;
  Offsets from;
  const std::int64_t* to;
  const std::uint8_t* in;
  std::uint8_t* out;
  FS_HD void operator()(std::size_t i) const noexcept {
    if (live[i] < 0) return;
    const std::uint8_t* const source = in + from.at(static_cast<std::uint64_t>(live[i]));
    std::uint8_t* const target = out + to[i];
    for (std::int64_t k = 0, length = to[i + 1] - to[i]; k < length; ++k) target[k] = source[k];
  }
};

// The items of row i, as rows of the list's items.
struct ListItemsElement {
  const std::int32_t* live;
  Offsets from;
  const std::int64_t* to;
  std::int32_t* item;
  FS_HD void operator()(std::size_t i) const noexcept {
    if (live[i] < 0) return;
    const std::int64_t first = from.at(static_cast<std::uint64_t>(live[i]));
    for (std::int64_t k = 0, length = to[i + 1] - to[i]; k < length; ++k) {
      item[to[i] + k] = static_cast<std::int32_t>(first + k);
    }
  }
};

// Item i of lists of one length.
struct FixedItemsElement {
  const std::int32_t* live;
  std::int32_t size;
  std::int32_t* item;
  FS_HD void operator()(std::size_t i) const noexcept {
    const std::size_t row = i / static_cast<std::size_t>(size);
    item[i] =
        live[row] < 0 ? -1 : live[row] * size + static_cast<std::int32_t>(i % static_cast<std::size_t>(size));
  }
};

// keep[i] for i in [0, count], the last one 0: 1 where the row has a match, and, with `also`, where it had 1.
struct KeepElement {
  const std::int32_t* match;
  std::uint64_t count;
  bool also;
  std::int64_t* keep;
  FS_HD void operator()(std::size_t i) const noexcept {
    const bool has = i < count && match[i] >= 0;
    keep[i] = has && (!also || keep[i] != 0) ? 1 : 0;
  }
};

// The kept rows in order, from the sums of `keep`.
struct SelectElement {
  const std::int64_t* keep;
  const std::int64_t* before;
  std::int32_t* row;
  FS_HD void operator()(std::size_t i) const noexcept {
    if (keep[i] != 0) row[before[i]] = static_cast<std::int32_t>(i);
  }
};

// Left time - right time, in the unit of the age column.
struct AgeElement {
  const std::int64_t* left;
  const std::int64_t* right;
  const std::int32_t* match;
  const std::int32_t* left_row;  // null: they lie in place
  bool is_float;
  Scale scale;
  void* out;                 // int64, or double
  std::uint64_t* too_large;  // the first left row whose age does not fit
  FS_HD void operator()(std::size_t i) const noexcept {
    const std::uint64_t row = left_row == nullptr ? i : static_cast<std::uint64_t>(left_row[i]);
    const bool has = match[i] >= 0;
    const std::int64_t l = left[row];
    const std::int64_t r = has ? right[match[i]] : l;
    if (is_float) {
      // Equal times are 0 apart, infinite ones too (their difference would be NaN).
      static_cast<double*>(out)[i] = l == r ? 0.0 : from_ordered_bits(l) - from_ordered_bits(r);
      return;
    }
    const auto age = static_cast<std::int64_t>(static_cast<std::uint64_t>(l) - static_cast<std::uint64_t>(r));
    const bool wraps = ((l ^ r) & (l ^ age)) < 0;
    if (wraps || !scale.fits(age)) {
      static_cast<std::int64_t*>(out)[i] = 0;
      atomic_min(too_large, row);
    } else {
      static_cast<std::int64_t*>(out)[i] = age * scale.factor;
    }
  }
};

}  // namespace flowstate::functors

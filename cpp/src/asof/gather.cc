#include "gather.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "flowstate/error.h"
#include "simd.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace flowstate::asof {
namespace {

constexpr std::int64_t kBlock = 2048;

struct Word128 {
  std::uint64_t a;
  std::uint64_t b;
};

template <typename Word>
Word masked(Word value, std::int32_t keep) noexcept {
  return static_cast<Word>(value & static_cast<Word>(static_cast<std::int64_t>(keep)));
}
Word128 masked(Word128 value, std::int32_t keep) noexcept {
  const auto mask = static_cast<std::uint64_t>(static_cast<std::int64_t>(keep));
  return {value.a & mask, value.b & mask};
}

std::size_t bitmap_bytes(std::int64_t rows) noexcept {
  return static_cast<std::size_t>((rows + 63) / 64) * 8;
}

// Columns of at least this many bytes are written past the caches: they would not stay there until they are read, and
// fetching lines that are overwritten whole is a third of the traffic of a gather.
constexpr std::int64_t kStreamBytes = std::int64_t{4} << 20;

// Eight-byte words to an aligned place, every row there is.
void stream_words(const std::uint8_t* from, const std::int32_t* rows, std::int64_t count,
                  std::uint8_t* to) noexcept {
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint64_t word;
    std::memcpy(&word, from + static_cast<std::int64_t>(rows[i]) * 8, 8);
#if defined(__SSE2__) && defined(__x86_64__)
    _mm_stream_si64(reinterpret_cast<long long*>(to + i * 8), static_cast<long long>(word));
#else
    std::memcpy(to + i * 8, &word, 8);
#endif
  }
#if defined(__SSE2__) && defined(__x86_64__)
  _mm_sfence();  // such stores are not ordered with those that tell another thread that the block is done
#endif
}

// 64-bit words of a bitmap are written little end first, whatever the machine.
std::uint64_t bitmap_word(std::uint64_t word) noexcept {
  if constexpr (std::endian::native == std::endian::little) return word;
  std::uint64_t swapped = 0;
  for (int i = 0; i < 8; ++i) swapped |= ((word >> (8 * i)) & 255) << (56 - 8 * i);
  return swapped;
}

void store_bits(OutputColumn& output, const std::uint64_t* bits, std::int64_t count,
                std::int64_t out) noexcept {
  auto* words = output.validity.as<std::uint64_t>() + out / 64;
  for (std::int64_t w = 0; w * 64 < count; ++w) words[w] = bitmap_word(bits[w]);
}

void finish_validity(OutputColumn& output, std::int64_t length, std::int64_t valid) noexcept {
  output.length = length;
  output.null_count = length - valid;
  if (output.null_count == 0) {
    output.validity = Buffer();
  } else {
    output.validity.shrink(static_cast<std::size_t>((length + 7) / 8));
  }
}

FS_SIMD_CLONES std::int64_t count_bits(const std::uint64_t* words, std::int64_t count) noexcept {
  std::int64_t total = 0;
  for (std::int64_t w = 0; w < count; ++w) total += std::popcount(words[w]);
  return total;
}

}  // namespace

void match_bits(const std::int32_t* rows, std::int64_t count, std::uint64_t* bits) noexcept {
  std::int64_t i = 0;
  for (; i + 64 <= count; i += 64) {
    std::uint64_t word = 0;
#if defined(__SSE2__)
    for (int k = 0; k < 16; ++k) {
      const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows + i + 4 * k));
      word |= static_cast<std::uint64_t>(_mm_movemask_ps(_mm_castsi128_ps(four))) << (4 * k);
    }
#else
    for (int k = 0; k < 64; ++k) word |= static_cast<std::uint64_t>(rows[i + k] < 0) << k;
#endif
    bits[i / 64] = ~word;
  }
  if (i < count) {
    std::uint64_t word = 0;
    for (int k = 0; i + k < count; ++k) word |= static_cast<std::uint64_t>(rows[i + k] >= 0) << k;
    bits[i / 64] = word;
  }
}

PayloadColumn::PayloadColumn(const Column& source, std::int64_t rows) : source_(&source), length_(rows) {
  std::int64_t first = 0;
  for (const Chunk& chunk : source.chunks) {
    if (chunk.length > 0) runs_.push_back({first, &chunk});
    nullable_ |= chunk.validity != nullptr && chunk.length > 0;
    first += chunk.length;
  }
  const auto n = static_cast<std::size_t>(rows);
  output_.validity = Buffer(bitmap_bytes(rows));
  if (source.type == ColumnType::kBool) {
    output_.values = Buffer(bitmap_bytes(rows));
  } else if (source.type == ColumnType::kBytes32) {
    output_.offsets = Buffer((n + 1) * 4);
  } else if (source.type == ColumnType::kBytes64) {
    output_.offsets = Buffer((n + 1) * 8);
  } else {
    width_ = source.type == ColumnType::kFixed ? source.width : byte_width(source.type);
    output_.values = Buffer(n * static_cast<std::size_t>(width_));
    stream_ = width_ == 8 && static_cast<std::int64_t>(n) * 8 >= kStreamBytes;
  }
}

PayloadColumn::PayloadColumn(PayloadColumn&& other) noexcept
    : source_(other.source_),
      runs_(std::move(other.runs_)),
      width_(other.width_),
      nullable_(other.nullable_),
      stream_(other.stream_),
      length_(other.length_),
      valid_(other.valid_.load()),
      output_(std::move(other.output_)) {}

// Matches move forward through the right side, so the run found last is nearly always the right one.
const PayloadColumn::Run& PayloadColumn::run_of(std::int64_t row, std::size_t& hint) const noexcept {
  const Run& guess = runs_[hint];
  if (row >= guess.first && row - guess.first < guess.chunk->length) return guess;
  const auto after = std::upper_bound(runs_.begin(), runs_.end(), row,
                                      [](std::int64_t at, const Run& run) { return at < run.first; });
  hint = static_cast<std::size_t>(after - runs_.begin()) - 1;
  return runs_[hint];
}

void PayloadColumn::gather(const std::int32_t* rows, std::int64_t count, std::int64_t out,
                           const std::uint64_t* bits) noexcept {
  std::int32_t live[kBlock];
  std::uint64_t live_bits[kBlock / 64];
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t size = std::min(kBlock, count - begin);
    const std::int32_t* use = rows + begin;
    const std::uint64_t* use_bits = bits + begin / 64;
    if (nullable_) {
      std::size_t hint = 0;
      for (std::int64_t i = 0; i < size; ++i) {
        std::int32_t row = use[i];
        if (row >= 0) {
          const Run& run = run_of(row, hint);
          if (run.chunk->validity != nullptr &&
              !bit_at(run.chunk->validity, run.chunk->bit_offset + row - run.first)) {
            row = -1;
          }
        }
        live[i] = row;
      }
      match_bits(live, size, live_bits);
      use = live;
      use_bits = live_bits;
    }
    store_bits(output_, use_bits, size, out + begin);
    const std::int64_t valid = count_bits(use_bits, (size + 63) / 64);
    valid_.fetch_add(valid, std::memory_order_relaxed);
    gather_values(use, size, out + begin, valid == size);
  }
}

void PayloadColumn::gather_values(const std::int32_t* rows, std::int64_t count, std::int64_t out,
                                  bool all) noexcept {
  switch (source_->type) {
    case ColumnType::kBool:
      return gather_bools(rows, count, out);
    case ColumnType::kBytes32:
      return measure_bytes<std::int32_t>(rows, count, out);
    case ColumnType::kBytes64:
      return measure_bytes<std::int64_t>(rows, count, out);
    default:
      break;
  }
  switch (width_) {
    case 1:
      return gather_words<std::uint8_t>(rows, count, out, all);
    case 2:
      return gather_words<std::uint16_t>(rows, count, out, all);
    case 4:
      return gather_words<std::uint32_t>(rows, count, out, all);
    case 8:
      return gather_words<std::uint64_t>(rows, count, out, all);
    case 16:
      return gather_words<Word128>(rows, count, out, all);
    default:
      return gather_fixed(rows, count, out);
  }
}

template <typename Word>
void PayloadColumn::gather_words(const std::int32_t* rows, std::int64_t count, std::int64_t out,
                                 bool all) noexcept {
  constexpr auto kSize = static_cast<std::int64_t>(sizeof(Word));
  std::uint8_t* const to = output_.values.data() + out * kSize;
  if (runs_.empty()) {
    std::memset(to, 0, static_cast<std::size_t>(count) * sizeof(Word));
    return;
  }
  const auto put = [to](std::int64_t i, Word value) { std::memcpy(to + i * kSize, &value, sizeof(Word)); };
  if (runs_.size() == 1) {
    // A miss reads row 0 and keeps none of its bits.
    const std::uint8_t* from = runs_[0].chunk->values;
    if (all) {
      if constexpr (kSize == 8) {
        if (stream_) return stream_words(from, rows, count, to);
      }
      // Four at a time: the loop's own arithmetic is as much work as the copy.
      std::int64_t i = 0;
      for (; i + 4 <= count; i += 4) {
        for (int k = 0; k < 4; ++k) {
          std::memcpy(to + (i + k) * kSize, from + static_cast<std::int64_t>(rows[i + k]) * kSize,
                      sizeof(Word));
        }
      }
      for (; i < count; ++i) {
        std::memcpy(to + i * kSize, from + static_cast<std::int64_t>(rows[i]) * kSize, sizeof(Word));
      }
      return;
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int32_t none = rows[i] >> 31;
      Word value;
      std::memcpy(&value, from + static_cast<std::int64_t>(rows[i] & ~none) * kSize, sizeof(Word));
      put(i, masked(value, ~none));
    }
    return;
  }
  std::size_t hint = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    Word value{};
    if (rows[i] >= 0) {
      const Run& run = run_of(rows[i], hint);
      std::memcpy(&value, run.chunk->values + (rows[i] - run.first) * kSize, sizeof(Word));
    }
    put(i, value);
  }
}

void PayloadColumn::gather_fixed(const std::int32_t* rows, std::int64_t count, std::int64_t out) noexcept {
  if (width_ == 0) return;
  std::uint8_t* to = output_.values.data() + out * width_;
  std::size_t hint = 0;
  for (std::int64_t i = 0; i < count; ++i, to += width_) {
    if (rows[i] < 0) {
      std::memset(to, 0, static_cast<std::size_t>(width_));
    } else {
      const Run& run = run_of(rows[i], hint);
      std::memcpy(to, run.chunk->values + (rows[i] - run.first) * width_, static_cast<std::size_t>(width_));
    }
  }
}

void PayloadColumn::gather_bools(const std::int32_t* rows, std::int64_t count, std::int64_t out) noexcept {
  auto* words = output_.values.as<std::uint64_t>() + out / 64;
  std::size_t hint = 0;
  for (std::int64_t begin = 0; begin < count; begin += 64) {
    const std::int64_t size = std::min<std::int64_t>(64, count - begin);
    std::uint64_t word = 0;
    for (std::int64_t i = 0; i < size; ++i) {
      const std::int32_t row = rows[begin + i];
      if (row < 0) continue;
      const Run& run = run_of(row, hint);
      word |= static_cast<std::uint64_t>(bit_at(run.chunk->values, run.chunk->bit_offset + row - run.first))
              << i;
    }
    words[begin / 64] = bitmap_word(word);
  }
}

template <typename Offset>
void PayloadColumn::measure_bytes(const std::int32_t* rows, std::int64_t count, std::int64_t out) noexcept {
  // Lengths now, one place ahead; copy_bytes makes them into offsets.
  Offset* lengths = output_.offsets.as<Offset>() + out + 1;
  std::size_t hint = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    Offset length = 0;
    if (rows[i] >= 0) {
      const Run& run = run_of(rows[i], hint);
      const auto* offsets = static_cast<const Offset*>(run.chunk->offsets) + (rows[i] - run.first);
      length = offsets[1] - offsets[0];
    }
    lengths[i] = length;
  }
}

template <typename Offset>
void PayloadColumn::copy_bytes_as(const Context& context, const std::int32_t* rows) {
  Offset* offsets = output_.offsets.as<Offset>();
  const std::int64_t tasks = (length_ + kTaskRows - 1) / kTaskRows;
  std::vector<std::int64_t> bases(static_cast<std::size_t>(tasks) + 1, 0);
  context.ranges(length_, kTaskRows, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t sum = 0;
    for (std::int64_t i = begin; i < end; ++i) sum += offsets[i + 1];
    bases[static_cast<std::size_t>(begin / kTaskRows) + 1] = sum;
  });
  for (std::size_t k = 1; k < bases.size(); ++k) bases[k] += bases[k - 1];
  const std::int64_t total = bases.back();
  if (sizeof(Offset) == 4 && total > INT32_MAX) {
    throw Error(ErrorCode::LENGTH,
                source_->name + ": the gathered values take " + std::to_string(total) +
                    " bytes, more than 32-bit offsets can address; use a large type",
                {{"bytes", total}});
  }
  output_.values = Buffer(static_cast<std::size_t>(total));
  std::uint8_t* const values = output_.values.data();
  offsets[0] = 0;
  context.ranges(length_, kTaskRows, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t at = bases[static_cast<std::size_t>(begin / kTaskRows)];
    std::size_t hint = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t length = offsets[i + 1];
      if (length > 0) {
        const Run& run = run_of(rows[i], hint);
        const auto* from = static_cast<const Offset*>(run.chunk->offsets) + (rows[i] - run.first);
        std::memcpy(values + at, run.chunk->values + *from, static_cast<std::size_t>(length));
      }
      at += length;
      offsets[i + 1] = static_cast<Offset>(at);
    }
  });
}

void PayloadColumn::copy_bytes(const Context& context, const std::int32_t* rows) {
  if (source_->type == ColumnType::kBytes32) {
    copy_bytes_as<std::int32_t>(context, rows);
  } else {
    copy_bytes_as<std::int64_t>(context, rows);
  }
}

OutputColumn PayloadColumn::finish() {
  finish_validity(output_, length_, valid_.load());
  if (source_->type == ColumnType::kBool) output_.values.shrink(static_cast<std::size_t>((length_ + 7) / 8));
  return std::move(output_);
}

AgeColumn::AgeColumn(std::int64_t rows, TimeKind kind, std::int64_t scale, const std::string& name)
    : length_(rows), kind_(kind), scale_(scale), name_(name) {
  output_.values = Buffer(static_cast<std::size_t>(rows) * 8);
  output_.validity = Buffer(bitmap_bytes(rows));
}

void AgeColumn::gather(const std::int64_t* lt, const std::int32_t* left_rows, const std::int64_t* r_time,
                       const std::int32_t* rows, std::int64_t count, std::int64_t out,
                       const std::uint64_t* bits) {
  std::int64_t valid = 0;
  for (std::int64_t w = 0; w * 64 < count; ++w) valid += std::popcount(bits[w]);
  valid_.fetch_add(valid, std::memory_order_relaxed);
  store_bits(output_, bits, count, out);
  if (kind_ == TimeKind::kFloat) {
    auto* ages = output_.values.as<double>() + out;
    for (std::int64_t i = 0; i < count; ++i) {
      ages[i] = 0;
      if (rows[i] < 0) continue;
      const std::int64_t left = left_rows != nullptr ? left_rows[i] : out + i;
      // Equal times are 0 apart, infinite ones too (their difference would be NaN).
      const std::int64_t r = r_time[rows[i]];
      ages[i] = lt[left] == r ? 0.0 : from_ordered_bits(lt[left]) - from_ordered_bits(r);
    }
    return;
  }
  auto* ages = output_.values.as<std::int64_t>() + out;
  for (std::int64_t i = 0; i < count; ++i) {
    ages[i] = 0;
    if (rows[i] < 0) continue;
    const std::int64_t left = left_rows != nullptr ? left_rows[i] : out + i;
    std::int64_t age;
    if (__builtin_sub_overflow(lt[left], r_time[rows[i]], &age) ||
        __builtin_mul_overflow(age, scale_, &age)) {
      too_large_.note(left);
      continue;
    }
    ages[i] = age;
  }
}

OutputColumn AgeColumn::finish() {
  if (too_large_.found()) {
    const std::int64_t row = too_large_.row();
    throw Error(ErrorCode::OVERFLOW,
                name_ + ": the age of row " + std::to_string(row) + " does not fit 64 bits", {{"row", row}});
  }
  finish_validity(output_, length_, valid_.load());
  return std::move(output_);
}

}  // namespace flowstate::asof

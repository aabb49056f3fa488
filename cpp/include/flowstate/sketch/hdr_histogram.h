// A histogram of unsigned 64-bit values (nanoseconds, as a rule) with a bounded relative error, over the full range.
//
// Log-linear buckets: with precision k, values below 2^(k+1) have a bucket each, and every further power of two has
// 2^k buckets of equal width. A bucket's width is at most 2^-k of its values (k = 7: 0.78 %, 58 KB). Recording is a
// count of leading zeros, a shift and an add. The idea is HdrHistogram's (Gil Tene), with a power of two in place of
// decimal digits.
//
// All state is one array of u64 words: min, max, sum (two words), counts. `HdrHistogram` owns one and is for one
// thread; `LiveHistogram` is recorded into by one or many threads while others take snapshots.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

namespace flowstate::sketch {

// Which bucket a value falls into, and a bucket's bounds.
class HistogramLayout {
 public:
  static constexpr int kLeastPrecision = 1;
  static constexpr int kMostPrecision = 14;

  // Throws Error ARG_RANGE.
  explicit HistogramLayout(int precision);

  int precision() const noexcept { return precision_; }
  std::size_t buckets() const noexcept { return static_cast<std::size_t>(65 - precision_) << precision_; }

  std::size_t index_of(std::uint64_t value) const noexcept {
    const int shift = 63 - std::countl_zero(value | least_) - precision_;
    return (static_cast<std::size_t>(shift) << precision_) + static_cast<std::size_t>(value >> shift);
  }
  std::uint64_t lowest_of(std::size_t index) const noexcept {
    const int shift = shift_of(index);
    return static_cast<std::uint64_t>(index - (static_cast<std::size_t>(shift) << precision_)) << shift;
  }
  std::uint64_t highest_of(std::size_t index) const noexcept {
    return lowest_of(index) + ((std::uint64_t{1} << shift_of(index)) - 1);
  }

  bool operator==(const HistogramLayout&) const = default;

 private:
  int shift_of(std::size_t index) const noexcept {
    const std::size_t group = index >> precision_;
    return group == 0 ? 0 : static_cast<int>(group) - 1;
  }

  int precision_;
  std::uint64_t least_;  // 2^precision
};

class HdrHistogram {
 public:
  static constexpr int kDefaultPrecision = 7;
  static constexpr std::size_t kMin = 0, kMax = 1, kSumLow = 2, kSumHigh = 3, kCounts = 4;

  // Throws Error ARG_RANGE for a precision outside 1 to 14.
  explicit HdrHistogram(int precision = kDefaultPrecision);

  void record(std::uint64_t value) noexcept { record_into(layout_, words_.data(), value); }
  // The same into words that lie elsewhere (in JavaScript's memory).
  static void record_into(const HistogramLayout& layout, std::uint64_t* words, std::uint64_t value) noexcept {
    ++words[kCounts + layout.index_of(value)];
    words[kSumHigh] += (words[kSumLow] += value) < value;
    if (value < words[kMin]) words[kMin] = value;
    if (value > words[kMax]) words[kMax] = value;
  }
  void record(std::uint64_t value, std::uint64_t count) noexcept;
  void record_all(std::span<const std::uint64_t> values) noexcept;
  // As record(), and for a value larger than `interval` also those that were not measured while it lasted: value -
  // interval, value - 2 interval, … down to interval (correction of coordinated omission). interval 0: record().
  void record_corrected(std::uint64_t value, std::uint64_t interval) noexcept;

  std::uint64_t count() const noexcept;
  bool is_empty() const noexcept { return words_[kMin] > words_[kMax]; }
  // Exact. 0 when empty.
  std::uint64_t min() const noexcept { return is_empty() ? 0 : words_[kMin]; }
  std::uint64_t max() const noexcept { return words_[kMax]; }
  // Of the exact sum. 0 when empty.
  double mean() const noexcept;
  double sum() const noexcept;
  std::uint64_t sum_low() const noexcept { return words_[kSumLow]; }
  std::uint64_t sum_high() const noexcept { return words_[kSumHigh]; }

  // The highest value of the bucket that holds the value of rank ceil(p / 100 * count) (rank 1 for p = 0), cut to
  // [min, max]. 0 when empty. Throws Error ARG_RANGE unless 0 <= p <= 100.
  std::uint64_t percentile(double p) const;
  // One pass for all of them; `ps` in any order.
  std::vector<std::uint64_t> percentiles(std::span<const double> ps) const;
  // Values recorded in the bucket of `value`.
  std::uint64_t count_at(std::uint64_t value) const noexcept {
    return words_[kCounts + layout_.index_of(value)];
  }

  // Adds what the other holds. Throws Error ARG_RANGE where the precisions differ.
  void merge(const HdrHistogram& other);
  // What was recorded since `earlier`, a former state of this one. Counts and sum are exact; min and max are the
  // bounds of the outermost buckets, cut to this one's. Throws Error ARG_RANGE where `earlier` holds more.
  HdrHistogram since(const HdrHistogram& earlier) const;
  void reset() noexcept;

  // Bytes: "FSH1", precision, three zeros, then little-endian u64 min, max, sum low, sum high, u32 number of filled
  // buckets, and for each filled bucket, ascending, two LEB128 numbers: buckets skipped since the last one, count. The
  // same histogram has the same bytes, whoever wrote them.
  std::vector<std::uint8_t> serialise() const;
  // Throws Error CORRUPT for bytes that serialise() cannot have made.
  static HdrHistogram deserialise(std::span<const std::uint8_t> bytes);

  const HistogramLayout& layout() const noexcept { return layout_; }
  // min, max, sum low, sum high, counts.
  std::span<const std::uint64_t> words() const noexcept { return words_; }
  // A histogram of such words. Throws Error LENGTH.
  static HdrHistogram from_words(int precision, std::span<const std::uint64_t> words);

  bool operator==(const HdrHistogram&) const = default;

 private:
  HistogramLayout layout_;
  std::vector<std::uint64_t> words_;
};

enum class Writers : std::uint8_t { kOne, kMany };

// Recorded into while others read. With one writer a record is plain loads and stores that readers may watch; with many
// it is atomic additions. A snapshot taken during a record may hold its count and not yet its sum, min or max: minute
// for latencies, and gone at the next one.
template <Writers kWriters>
class LiveHistogram {
 public:
  // Throws Error ARG_RANGE.
  explicit LiveHistogram(int precision = HdrHistogram::kDefaultPrecision)
      : layout_(precision),
        words_(new std::atomic<std::uint64_t>[HdrHistogram::kCounts + layout_.buckets()]) {
    for (std::size_t i = 0; i < HdrHistogram::kCounts + layout_.buckets(); ++i) store(i, 0);
    store(HdrHistogram::kMin, kNothing);
  }

  void record(std::uint64_t value) noexcept {
    add(HdrHistogram::kCounts + layout_.index_of(value), 1);
    if (add(HdrHistogram::kSumLow, value) + value < value) add(HdrHistogram::kSumHigh, 1);
    lower(value);
    raise(value);
  }

  // Any thread, at any time.
  HdrHistogram snapshot() const {
    std::vector<std::uint64_t> words(HdrHistogram::kCounts + layout_.buckets());
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = words_[i].load(std::memory_order_relaxed);
    return HdrHistogram::from_words(layout_.precision(), words);
  }

 private:
  static constexpr std::uint64_t kNothing = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t load(std::size_t i) const noexcept { return words_[i].load(std::memory_order_relaxed); }
  void store(std::size_t i, std::uint64_t value) noexcept {
    words_[i].store(value, std::memory_order_relaxed);
  }
  // The value before.
  std::uint64_t add(std::size_t i, std::uint64_t value) noexcept {
    if constexpr (kWriters == Writers::kMany) {
      return words_[i].fetch_add(value, std::memory_order_relaxed);
    } else {
      const std::uint64_t before = load(i);
      store(i, before + value);
      return before;
    }
  }
  void lower(std::uint64_t value) noexcept {
    std::uint64_t now = load(HdrHistogram::kMin);
    if (value >= now) [[likely]]
      return;
    if constexpr (kWriters == Writers::kOne) {
      store(HdrHistogram::kMin, value);
    } else {
      while (value < now &&
             !words_[HdrHistogram::kMin].compare_exchange_weak(now, value, std::memory_order_relaxed)) {
      }
    }
  }
  void raise(std::uint64_t value) noexcept {
    std::uint64_t now = load(HdrHistogram::kMax);
    if (value <= now) [[likely]]
      return;
    if constexpr (kWriters == Writers::kOne) {
      store(HdrHistogram::kMax, value);
    } else {
      while (value > now &&
             !words_[HdrHistogram::kMax].compare_exchange_weak(now, value, std::memory_order_relaxed)) {
      }
    }
  }

  HistogramLayout layout_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> words_;
};

using SingleWriterHistogram = LiveHistogram<Writers::kOne>;
using SharedHistogram = LiveHistogram<Writers::kMany>;

// Gives what was recorded since the last time, for periodic reports. One reader.
template <Writers kWriters>
class IntervalReader {
 public:
  explicit IntervalReader(const LiveHistogram<kWriters>& live) : live_(live), last_(live.snapshot()) {
    last_.reset();
  }

  HdrHistogram take() {
    HdrHistogram now = live_.snapshot();
    HdrHistogram interval = now.since(last_);
    last_ = std::move(now);
    return interval;
  }

 private:
  const LiveHistogram<kWriters>& live_;
  HdrHistogram last_;
};

}  // namespace flowstate::sketch

#include "flowstate/sketch/hdr_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "flowstate/error.h"

namespace flowstate::sketch {

namespace {

constexpr std::uint64_t kNothing = std::numeric_limits<std::uint64_t>::max();
__extension__ using Wide = unsigned __int128;
constexpr std::array<std::uint8_t, 4> kMagic = {'F', 'S', 'H', '1'};

void put_fixed(std::vector<std::uint8_t>& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void put_leb(std::vector<std::uint8_t>& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<std::uint8_t>(value));
}

[[noreturn]] void corrupt(const char* what) {
  throw Error(ErrorCode::CORRUPT, std::string("not a serialised histogram: ") + what);
}

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::uint64_t fixed(int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= std::uint64_t{next()} << (8 * i);
    return value;
  }
  // One spelling for each number: no trailing zero groups, nothing past 64 bits.
  std::uint64_t leb() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      const std::uint8_t byte = next();
      if (shift == 63 && byte > 1) corrupt("a number has more than 64 bits");
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) {
        if (byte == 0 && shift > 0) corrupt("a number has leading zeros");
        return value;
      }
    }
    corrupt("a number has more than 64 bits");
  }
  bool is_done() const { return at_ == bytes_.size(); }

 private:
  std::uint8_t next() {
    if (at_ == bytes_.size()) corrupt("it is cut short");
    return bytes_[at_++];
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

}  // namespace

HistogramLayout::HistogramLayout(int precision)
    : precision_(precision), least_(std::uint64_t{1} << (precision & 63)) {
  if (precision < kLeastPrecision || precision > kMostPrecision) {
    throw Error(ErrorCode::ARG_RANGE,
                "a histogram's precision must be 1 to 14 bits, got " + std::to_string(precision));
  }
}

HdrHistogram::HdrHistogram(int precision) : layout_(precision), words_(kCounts + layout_.buckets()) {
  words_[kMin] = kNothing;
}

void HdrHistogram::record(std::uint64_t value, std::uint64_t count) noexcept {
  if (count == 0) return;
  words_[kCounts + layout_.index_of(value)] += count;
  const Wide product = static_cast<Wide>(value) * count;
  const auto low = static_cast<std::uint64_t>(product);
  words_[kSumHigh] += ((words_[kSumLow] += low) < low) + static_cast<std::uint64_t>(product >> 64);
  words_[kMin] = std::min(words_[kMin], value);
  words_[kMax] = std::max(words_[kMax], value);
}

void HdrHistogram::record_all(std::span<const std::uint64_t> values) noexcept {
  for (const std::uint64_t value : values) record(value);
}

void HdrHistogram::record_corrected(std::uint64_t value, std::uint64_t interval) noexcept {
  record(value);
  if (interval == 0) return;
  for (std::uint64_t missed = value; missed >= interval && (missed -= interval) >= interval;) record(missed);
}

std::uint64_t HdrHistogram::count() const noexcept {
  return std::accumulate(words_.begin() + kCounts, words_.end(), std::uint64_t{0});
}

double HdrHistogram::sum() const noexcept {
  return std::ldexp(static_cast<double>(words_[kSumHigh]), 64) + static_cast<double>(words_[kSumLow]);
}

double HdrHistogram::mean() const noexcept { return is_empty() ? 0 : sum() / static_cast<double>(count()); }

std::uint64_t HdrHistogram::percentile(double p) const { return percentiles(std::span(&p, 1))[0]; }

std::vector<std::uint64_t> HdrHistogram::percentiles(std::span<const double> ps) const {
  std::vector<std::uint64_t> results(ps.size(), 0);
  std::vector<std::size_t> order(ps.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (const double p : ps) {
    if (!(p >= 0 && p <= 100)) {
      throw Error(ErrorCode::ARG_RANGE, "a percentile must be 0 to 100, got " + std::to_string(p));
    }
  }
  const std::uint64_t total = count();
  if (total == 0) return results;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return ps[a] < ps[b]; });
  std::size_t index = 0;
  std::uint64_t seen = words_[kCounts];
  for (const std::size_t i : order) {
    // total is far below 2^53 in practice; the cut keeps p = 100 in range where it is not.
    const double rank = std::ceil(ps[i] / 100 * static_cast<double>(total));
    const std::uint64_t wanted = rank >= static_cast<double>(total)
                                     ? total
                                     : std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rank));
    while (seen < wanted) seen += words_[kCounts + ++index];
    results[i] = std::clamp(layout_.highest_of(index), words_[kMin], words_[kMax]);
  }
  return results;
}

void HdrHistogram::merge(const HdrHistogram& other) {
  if (!(layout_ == other.layout_)) {
    throw Error(ErrorCode::ARG_RANGE, "histograms of precision " + std::to_string(layout_.precision()) +
                                          " and " + std::to_string(other.layout_.precision()) +
                                          " cannot be merged");
  }
  for (std::size_t i = kCounts; i < words_.size(); ++i) words_[i] += other.words_[i];
  words_[kSumLow] += other.words_[kSumLow];
  words_[kSumHigh] += other.words_[kSumHigh] + (words_[kSumLow] < other.words_[kSumLow]);
  words_[kMin] = std::min(words_[kMin], other.words_[kMin]);
  words_[kMax] = std::max(words_[kMax], other.words_[kMax]);
}

HdrHistogram HdrHistogram::since(const HdrHistogram& earlier) const {
  bool fits = layout_ == earlier.layout_;
  for (std::size_t i = kCounts; fits && i < words_.size(); ++i) fits = words_[i] >= earlier.words_[i];
  if (!fits) throw Error(ErrorCode::ARG_RANGE, "the other histogram is not an earlier state of this one");
  std::vector<std::uint64_t> words(words_.size());
  for (std::size_t i = kCounts; i < words.size(); ++i) words[i] = words_[i] - earlier.words_[i];
  words[kSumLow] = words_[kSumLow] - earlier.words_[kSumLow];
  words[kSumHigh] = words_[kSumHigh] - earlier.words_[kSumHigh] - (words_[kSumLow] < earlier.words_[kSumLow]);
  words[kMin] = words_[kMin];
  words[kMax] = words_[kMax];
  return from_words(layout_.precision(), words);
}

void HdrHistogram::reset() noexcept {
  std::fill(words_.begin(), words_.end(), 0);
  words_[kMin] = kNothing;
}

HdrHistogram HdrHistogram::from_words(int precision, std::span<const std::uint64_t> words) {
  HdrHistogram result(precision);
  if (words.size() != result.words_.size()) {
    throw Error(ErrorCode::LENGTH, "a histogram of precision " + std::to_string(precision) + " has " +
                                       std::to_string(result.words_.size()) + " words, got " +
                                       std::to_string(words.size()));
  }
  std::size_t first = kCounts;
  while (first < words.size() && words[first] == 0) ++first;
  if (first == words.size()) return result;
  std::size_t last = words.size() - 1;
  while (words[last] == 0) --last;
  std::copy(words.begin(), words.end(), result.words_.begin());
  // A snapshot may see a count before its min or max; the outermost buckets bound both.
  const HistogramLayout& layout = result.layout_;
  first -= kCounts;
  last -= kCounts;
  result.words_[kMin] = std::clamp(words[kMin], layout.lowest_of(first), layout.highest_of(first));
  result.words_[kMax] = std::clamp(words[kMax], layout.lowest_of(last), layout.highest_of(last));
  return result;
}

std::vector<std::uint8_t> HdrHistogram::serialise() const {
  std::vector<std::uint8_t> out(kMagic.begin(), kMagic.end());
  put_fixed(out, static_cast<std::uint64_t>(layout_.precision()), 4);
  for (const std::size_t i : {kMin, kMax, kSumLow, kSumHigh}) put_fixed(out, words_[i], 8);
  const auto counts = words().subspan(kCounts);
  put_fixed(out, counts.size() - static_cast<std::size_t>(std::count(counts.begin(), counts.end(), 0u)), 4);
  std::size_t next = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    put_leb(out, i - next);
    put_leb(out, counts[i]);
    next = i + 1;
  }
  return out;
}

HdrHistogram HdrHistogram::deserialise(std::span<const std::uint8_t> bytes) {
  Reader reader(bytes);
  for (const std::uint8_t letter : kMagic) {
    if (reader.fixed(1) != letter) corrupt("it does not begin with FSH1");
  }
  const std::uint64_t precision = reader.fixed(4);
  if (precision < HistogramLayout::kLeastPrecision || precision > HistogramLayout::kMostPrecision) {
    corrupt("its precision is not 1 to 14");
  }
  HdrHistogram result(static_cast<int>(precision));
  std::vector<std::uint64_t>& words = result.words_;
  for (const std::size_t i : {kMin, kMax, kSumLow, kSumHigh}) words[i] = reader.fixed(8);
  const std::uint64_t filled = reader.fixed(4);
  const std::size_t buckets = result.layout_.buckets();
  if (filled > buckets) corrupt("it has more buckets than its precision");
  std::size_t next = 0;
  std::size_t first = 0;
  std::uint64_t total = 0;
  for (std::uint64_t i = 0; i < filled; ++i) {
    const std::uint64_t skipped = reader.leb();
    if (skipped >= buckets - next) corrupt("a bucket lies outside its precision");
    next += static_cast<std::size_t>(skipped);
    const std::uint64_t count = reader.leb();
    if (count == 0) corrupt("a filled bucket is empty");
    if (count > (kNothing >> 1) - total) corrupt("it counts more than 2^63 values");
    total += count;
    words[kCounts + next] = count;
    if (i == 0) first = next;
    ++next;
  }
  if (!reader.is_done()) corrupt("something follows its end");
  const HistogramLayout& layout = result.layout_;
  const bool agrees =
      filled == 0 ? words[kMin] == kNothing && words[kMax] == 0 && words[kSumLow] == 0 && words[kSumHigh] == 0
                  : words[kMin] <= words[kMax] && layout.index_of(words[kMin]) == first &&
                        layout.index_of(words[kMax]) == next - 1;
  if (!agrees) corrupt("its least or greatest value is in no bucket");
  return result;
}

}  // namespace flowstate::sketch

#include "device/matrix_property.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "device/half_oracle.h"
#include "flowstate/device/device_pool.h"
#include "flowstate/device/feature_matrix.h"
#include "flowstate/functors/feature_tiles.h"

namespace flowstate::device::conformance {

namespace {

using Bytes = std::vector<std::uint8_t>;
// Holds every int64 and uint64, and their differences.
__extension__ typedef __int128 Whole;

// A column on the host.
struct Source {
  FeatureType type = FeatureType::kFloat64;
  std::vector<double> reals;  // float types
  std::vector<Whole> wholes;  // the others
  std::vector<bool> valid;    // by row
  bool has_nulls = false;
  std::vector<std::int32_t> index;  // by row of the matrix
  bool is_indexed = false;
  bool is_mask = false;
  double mean = 0;
  std::optional<std::uint64_t> whole_mean;
  double scale = 1;
  double fill = 0;

  bool is_real() const { return type >= FeatureType::kFloat16 && type <= FeatureType::kFloat64; }
  std::size_t length() const { return valid.size(); }
};

template <typename Value>
void put(Bytes& bytes, Value value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

void put_bit(Bytes& bytes, std::size_t row, bool bit) {
  if (row / 8 >= bytes.size()) bytes.push_back(0);
  if (bit) bytes[row / 8] = static_cast<std::uint8_t>(bytes[row / 8] | (1 << (row % 8)));
}

Bytes values_of(const Source& source) {
  Bytes bytes;
  for (std::size_t row = 0; row < source.length(); ++row) {
    const auto whole = source.is_real() ? 0 : static_cast<std::uint64_t>(source.wholes[row]);
    switch (source.type) {
      case FeatureType::kInt8:
      case FeatureType::kUint8:
        put(bytes, static_cast<std::uint8_t>(whole));
        break;
      case FeatureType::kInt16:
      case FeatureType::kUint16:
        put(bytes, static_cast<std::uint16_t>(whole));
        break;
      case FeatureType::kInt32:
      case FeatureType::kUint32:
        put(bytes, static_cast<std::uint32_t>(whole));
        break;
      case FeatureType::kInt64:
      case FeatureType::kUint64:
        put(bytes, whole);
        break;
      case FeatureType::kFloat16:
        put(bytes, test::float16_values().nearest(source.reals[row]));
        break;
      case FeatureType::kFloat32:
        put(bytes, static_cast<float>(source.reals[row]));
        break;
      case FeatureType::kFloat64:
        put(bytes, source.reals[row]);
        break;
      case FeatureType::kBool:
        put_bit(bytes, row, whole != 0);
        break;
    }
  }
  return bytes;
}

// What a value is once it has been through the column's type.
double real_of(const Source& source, std::size_t row) {
  const double value = source.reals[row];
  if (source.type == FeatureType::kFloat32) return static_cast<float>(value);
  if (source.type == FeatureType::kFloat64 || std::isnan(value)) return value;
  const std::uint16_t bits = test::float16_values().nearest(value);
  const std::uint16_t size = bits & 0x7FFF;
  const double half = size == test::float16_values().infinity() ? std::numeric_limits<double>::infinity()
                                                                : test::float16_values().values()[size];
  return (bits & 0x8000) != 0 ? -half : half;
}

// The row's element before it is rounded; false where it is null.
bool element_of(const Source& source, std::size_t row, double& element) {
  std::size_t from = row;
  if (source.is_indexed) {
    const std::int32_t chosen = source.index[row];
    if (chosen < 0 || static_cast<std::size_t>(chosen) >= source.length()) return false;
    from = static_cast<std::size_t>(chosen);
  }
  if (!source.valid[from]) return false;
  if (source.is_mask) return true;
  double shifted = 0;
  if (source.is_real()) {
    shifted = real_of(source, from) - source.mean;
  } else if (source.whole_mean) {
    const Whole mean = source.type == FeatureType::kUint64
                           ? static_cast<Whole>(*source.whole_mean)
                           : static_cast<Whole>(static_cast<std::int64_t>(*source.whole_mean));
    shifted = static_cast<double>(source.wholes[from] - mean);
  } else {
    shifted = static_cast<double>(source.wholes[from]) - source.mean;
  }
  element = shifted * source.scale;
  return true;
}

void put_element(Bytes& bytes, MatrixType type, double element) {
  const bool is_nan = std::isnan(element);
  switch (type) {
    case MatrixType::kFloat64:
      return is_nan ? put(bytes, std::uint64_t{0x7FF8000000000000}) : put(bytes, element);
    case MatrixType::kFloat32:
      return is_nan ? put(bytes, std::uint32_t{0x7FC00000}) : put(bytes, static_cast<float>(element));
    case MatrixType::kFloat16:
      return put(bytes, test::float16_values().nearest(element));
    case MatrixType::kBfloat16:
      return put(bytes, test::bfloat16_values().nearest(element));
  }
}

class Checker {
 public:
  explicit Checker(Device& device)
      : device_(device), pool_(device.shared_from_this()), stream_(device.create_stream()) {}

  void check(const std::vector<Source>& sources, std::size_t rows, MatrixType type, MatrixLayout layout) {
    std::vector<DeviceBuffer> held;
    std::vector<MatrixColumn> columns;
    for (const Source& source : sources) columns.push_back(upload(source, held));
    Bytes expected;
    std::uint64_t first_null = UINT64_MAX;
    const bool by_row = layout == MatrixLayout::kRowMajor;
    for (std::size_t i = 0; i < rows * sources.size(); ++i) {
      const std::size_t c = by_row ? i % sources.size() : i / rows;
      const std::size_t row = by_row ? i / sources.size() : i % rows;
      double element = 0;
      const bool is_there = element_of(sources[c], row, element);
      if (!is_there) first_null = std::min<std::uint64_t>(first_null, row * sources.size() + c);
      if (sources[c].is_mask) element = is_there ? 1 : 0;
      if (!is_there && !sources[c].is_mask) element = sources[c].fill;
      put_element(expected, type, element);
    }
    // Something behind the matrix, which stays.
    constexpr std::size_t kGuard = 64;
    Bytes got(expected.size() + kGuard);
    const DeviceBuffer out = pool_.allocate(got.size());
    const DeviceBuffer first = pool_.allocate(sizeof first_null);
    stream_->fill(out.data(), 0xA5, got.size());
    stream_->fill(first.data(), 0xFF, sizeof first_null);
    assemble_matrix(*stream_, {columns, rows, type, layout}, out.data(),
                    static_cast<std::uint64_t*>(first.data()));
    std::uint64_t first_got = 0;
    stream_->copy_to_host(got.data(), out.data(), got.size());
    stream_->copy_to_host(&first_got, first.data(), sizeof first_got);
    stream_->synchronize();
    INFO(sources.size() << " columns, " << rows << " rows, type " << static_cast<int>(type) << ", "
                        << (by_row ? "row" : "column") << "-major");
    expected.resize(got.size(), 0xA5);
    const std::size_t wrong =
        static_cast<std::size_t>(std::mismatch(got.begin(), got.end(), expected.begin()).first - got.begin());
    INFO("first wrong byte " << wrong);
    REQUIRE(wrong == got.size());
    REQUIRE(first_got == first_null);
  }

 private:
  const void* upload(const Bytes& bytes, std::vector<DeviceBuffer>& held) {
    held.push_back(pool_.allocate(bytes.size()));
    stream_->copy_to_device(held.back().data(), bytes.data(), bytes.size());
    stream_->synchronize();
    return held.back().data();
  }

  MatrixColumn upload(const Source& source, std::vector<DeviceBuffer>& held) {
    MatrixColumn column;
    column.type = source.type;
    column.is_mask = source.is_mask;
    column.mean = source.mean;
    column.whole_mean = source.whole_mean;
    column.scale = source.scale;
    column.fill = source.fill;
    if (!source.is_mask) column.values = upload(values_of(source), held);
    if (source.has_nulls) {
      Bytes bits;
      for (std::size_t row = 0; row < source.length(); ++row) put_bit(bits, row, source.valid[row]);
      column.validity = static_cast<const std::uint8_t*>(upload(bits, held));
    }
    if (source.is_indexed) {
      Bytes index;
      for (const std::int32_t row : source.index) put(index, row);
      column.index = static_cast<const std::int32_t*>(upload(index, held));
      column.length = static_cast<std::uint32_t>(source.length());
    }
    return column;
  }

  Device& device_;
  DevicePool pool_;
  std::shared_ptr<Stream> stream_;
};

class Columns {
 public:
  explicit Columns(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t end) { return static_cast<std::size_t>(random_() % end); }
  bool one_in(std::size_t n) { return below(n) == 0; }

  Source source(std::size_t rows) {
    Source made;
    made.type = static_cast<FeatureType>(below(functors::kFeatureTypes));
    made.is_indexed = one_in(3);
    const std::size_t length = made.is_indexed ? below(rows + 3) : rows;
    made.has_nulls = one_in(2);
    made.valid.resize(length);
    for (std::size_t row = 0; row < length; ++row) {
      made.valid[row] = !made.has_nulls || !one_in(4);
      if (made.is_real()) {
        made.reals.push_back(real());
      } else {
        made.wholes.push_back(whole(made.type));
      }
    }
    for (std::size_t row = 0; made.is_indexed && row < rows; ++row) {
      // Some before the column, some behind its end: null, both.
      made.index.push_back(static_cast<std::int32_t>(below(length + 4)) - 2);
    }
    made.is_mask = one_in(6);
    if (!made.is_real() && one_in(2)) {
      // uint64 means as they are; all others as an int64.
      made.whole_mean = static_cast<std::uint64_t>(
          whole(made.type == FeatureType::kUint64 ? FeatureType::kUint64 : FeatureType::kInt64));
    } else if (one_in(2)) {
      made.mean = real_finite();
    }
    if (one_in(2)) made.scale = real_finite();
    made.fill = real();
    return made;
  }

 private:
  double real_finite() {
    switch (below(3)) {
      case 0:
        return static_cast<double>(below(2000)) / 8 - 125;
      case 1:
        return 0.1;
      default:
        return std::ldexp(static_cast<double>(static_cast<std::int64_t>(random_())),
                          static_cast<int>(below(80)) - 110);
    }
  }
  double real() {
    constexpr double kSpecial[] = {0.0,
                                   -0.0,
                                   std::numeric_limits<double>::infinity(),
                                   -std::numeric_limits<double>::infinity(),
                                   std::numeric_limits<double>::quiet_NaN(),
                                   65520.0,
                                   0x1p-25,
                                   0x1p-134,
                                   1e308};
    return one_in(4) ? kSpecial[below(std::size(kSpecial))] : real_finite();
  }
  Whole whole(FeatureType type) {
    const auto signed_of = [&](int bits) -> Whole {
      const std::int64_t extremes[] = {-1, 0, 1, INT64_MIN >> (64 - bits), INT64_MAX >> (64 - bits)};
      return one_in(3) ? extremes[below(std::size(extremes))]
                       : static_cast<std::int64_t>(random_()) >> (64 - bits);
    };
    const auto unsigned_of = [&](int bits) -> Whole {
      const std::uint64_t extremes[] = {0, 1, UINT64_MAX >> (64 - bits), UINT64_MAX >> (65 - bits)};
      return one_in(3) ? extremes[below(std::size(extremes))] : random_() >> (64 - bits);
    };
    switch (type) {
      case FeatureType::kInt8:
        return signed_of(8);
      case FeatureType::kInt16:
        return signed_of(16);
      case FeatureType::kInt32:
        return signed_of(32);
      case FeatureType::kInt64:
        return signed_of(64);
      case FeatureType::kUint8:
        return unsigned_of(8);
      case FeatureType::kUint16:
        return unsigned_of(16);
      case FeatureType::kUint32:
        return unsigned_of(32);
      case FeatureType::kUint64:
        return unsigned_of(64);
      default:
        return static_cast<Whole>(below(2));
    }
  }

  std::mt19937_64 random_;
};

constexpr MatrixType kTypes[] = {MatrixType::kFloat32, MatrixType::kFloat16, MatrixType::kBfloat16,
                                 MatrixType::kFloat64};
constexpr MatrixLayout kLayouts[] = {MatrixLayout::kRowMajor, MatrixLayout::kColumnMajor};

}  // namespace

void check_random_matrices(Device& device) {
  Checker checker(device);
  Columns columns(20261129);
  for (int round = 0; round < 120; ++round) {
    const std::size_t rows = columns.below(round % 8 == 0 ? 1500 : 90);
    const std::size_t count = 1 + columns.below(round % 10 == 0 ? 80 : 12);
    std::vector<Source> sources;
    for (std::size_t c = 0; c < count; ++c) sources.push_back(columns.source(rows));
    checker.check(sources, rows, kTypes[columns.below(4)], kLayouts[columns.below(2)]);
  }
}

void check_matrix_edges(Device& device) {
  Checker checker(device);
  Columns columns(4);
  const auto check = [&](std::size_t count, std::size_t rows, MatrixType type, MatrixLayout layout) {
    std::vector<Source> sources;
    for (std::size_t c = 0; c < count; ++c) sources.push_back(columns.source(rows));
    checker.check(sources, rows, type, layout);
  };
  for (unsigned count = 1; count <= functors::kFeatureColumns; ++count) {
    const std::size_t tile = functors::FeatureRowTile<functors::AsFloat32>::rows_of(count);
    const MatrixType type = kTypes[count % 4];
    for (const std::size_t rows : {tile - 1, tile, tile + 1}) {
      check(count, rows, type, MatrixLayout::kRowMajor);
    }
  }
  for (const std::size_t rows : {0, 1, 31, 32, 33, 127, 128, 129, 255, 1023, 1024, 1025, 2049}) {
    for (const MatrixType type : kTypes) {
      for (const MatrixLayout layout : kLayouts) check(3, rows, type, layout);
    }
  }
  for (const std::size_t count : {31, 32, 33, 63, 64, 65, 300}) {
    for (const MatrixLayout layout : kLayouts) check(count, 130, kTypes[count % 4], layout);
  }
}

}  // namespace flowstate::device::conformance

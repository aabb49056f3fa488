// Halves by a search among all of them: the values of a format's patterns from 0 up, and which is nearest to a double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace flowstate::device::test {

class Halves {
 public:
  Halves(int exponent_bits, int fraction_bits) : fraction_bits_(fraction_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int infinity = ((1 << exponent_bits) - 1) << fraction_bits;
    for (int bits = 0; bits <= infinity; ++bits) {
      const int exponent = bits >> fraction_bits;
      const double fraction = std::ldexp(bits & ((1 << fraction_bits) - 1), -fraction_bits);
      // Infinity's place has the power of two that would come next: rounding up to it is overflow.
      values_.push_back(exponent == 0 ? std::ldexp(fraction, 1 - bias)
                                      : std::ldexp(1 + fraction, exponent - bias));
    }
  }

  // By their bits; the last is infinity's.
  const std::vector<double>& values() const { return values_; }
  std::uint16_t infinity() const { return static_cast<std::uint16_t>(values_.size() - 1); }
  std::uint16_t nan() const { return static_cast<std::uint16_t>(infinity() | (1 << (fraction_bits_ - 1))); }

  std::uint16_t nearest(double value) const {
    if (std::isnan(value)) return nan();
    const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    const double size = std::fabs(value);
    const auto above = std::upper_bound(values_.begin(), values_.end(), size);
    if (above == values_.end()) return static_cast<std::uint16_t>(sign | infinity());
    const auto high = static_cast<std::size_t>(above - values_.begin());
    const double middle = (values_[high - 1] + values_[high]) / 2;
    const bool up = size > middle || (size == middle && high % 2 == 0);
    return static_cast<std::uint16_t>(sign | (up ? high : high - 1));
  }

 private:
  int fraction_bits_;
  std::vector<double> values_;
};

inline const Halves& float16_values() {
  static const Halves halves(5, 10);
  return halves;
}
inline const Halves& bfloat16_values() {
  static const Halves halves(8, 7);
  return halves;
}

}  // namespace flowstate::device::test

// Division of prices by the tick where only an exact quotient will do.
//
// A 64-bit divide costs 40 cycles and more on the machines in use, so: for an odd d there is an inverse modulo 2^64, and
// n is a multiple of d iff n * inverse <= (2^64 - 1) / d, which is then the quotient (Hacker's Delight, 10-17).
#pragma once

#include <bit>
#include <cstdint>

namespace orderbook::feed_detail {

class ExactDivider {
 public:
  // `divisor` is positive.
  explicit constexpr ExactDivider(std::int64_t divisor) noexcept
      : divisor_(divisor), shift_(std::countr_zero(static_cast<std::uint64_t>(divisor))) {
    const std::uint64_t odd = static_cast<std::uint64_t>(divisor) >> shift_;
    inverse_ = odd;  // right to 3 bits; each step of Newton doubles them
    for (int i = 0; i < 5; ++i) inverse_ *= 2 - odd * inverse_;
    limit_ = ~std::uint64_t{0} / odd;
  }

  // False, and `quotient` untouched, when there is a remainder.
  [[nodiscard]] constexpr bool divide(std::int64_t dividend, std::int64_t& quotient) const noexcept {
    const bool is_negative = dividend < 0;
    const std::uint64_t magnitude = is_negative ? std::uint64_t{0} - static_cast<std::uint64_t>(dividend)
                                                : static_cast<std::uint64_t>(dividend);
    const std::uint64_t mask = (std::uint64_t{1} << shift_) - 1;
    const std::uint64_t found = (magnitude >> shift_) * inverse_;
    if ((magnitude & mask) != 0 || found > limit_) return false;
    quotient = static_cast<std::int64_t>(is_negative ? std::uint64_t{0} - found : found);
    return true;
  }

  [[nodiscard]] constexpr std::int64_t divisor() const noexcept { return divisor_; }

 private:
  std::int64_t divisor_;
  int shift_;
  std::uint64_t inverse_ = 1;
  std::uint64_t limit_ = 0;
};

}  // namespace orderbook::feed_detail

// What is simulated: symbols with their rates, the model of arrivals, the clock. Rates are integers and shares are
// 32-bit fractions, so that a description means the same market on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "orderbook/sim/random.h"
#include "orderbook/types.h"

namespace orderbook::sim {

// Events in 10^6 seconds: 1,000,000 is one a second.
using MicroHertz = std::uint64_t;

// Sizes are lots times 1 + a geometric number, or with `odd_q32` a number below one lot.
struct SizeOptions {
  Quantity lot = 100;
  std::uint64_t more_q32 = kOneQ32 / 2;  // chance of each further lot
  std::uint64_t odd_q32 = kOneQ32 / 10;  // chance of an odd lot
};

// One symbol's zero-intelligence flow, by distance in ticks from the opposite best price (index 0: one tick away).
struct SymbolOptions {
  std::int64_t initial_bid = 10'000;     // ticks; the first ask is one tick above
  std::vector<MicroHertz> limit_rates;   // of each side, at each distance; no order is placed beyond the last
  std::vector<MicroHertz> cancel_rates;  // of each order, at each distance; beyond the last, the last
  MicroHertz market_rate = 0;            // of each side
  std::uint64_t reduce_q32 = kOneQ32 / 8;    // share of cancels that only reduce
  std::uint64_t replace_q32 = kOneQ32 / 10;  // share of cancels that place the order again elsewhere
  SizeOptions limit_size;
  SizeOptions market_size;
};

enum class Model : std::uint8_t {
  kZeroIntelligence = 0,  // Smith, Farmer, Gillemot and Krishnamurthy 2003; Cont, Stoikov and Talreja 2010
  kHawkes = 1,            // the same with arrivals that excite each other
};

// An exponential kernel: how long after its parent a child comes, on average.
struct Kernel {
  std::uint64_t weight = 1;
  std::uint64_t mean_delay_ns = 1'000'000;
};

// Each event sets off Poisson(branching) others. `persistence` of them repeat its kind and side (an order worked in
// pieces), the others are drawn like spontaneous ones.
struct HawkesOptions {
  std::uint64_t branching_q32 = kOneQ32 / 10 * 6;  // below one, or the market would explode
  std::uint64_t persistence_q32 = kOneQ32 / 2;
  std::vector<Kernel> kernels = {{2, 50'000}, {2, 5'000'000}, {1, 800'000'000}};
};

struct MarketOptions {
  std::uint64_t seed = 1;
  TimestampNs start_ns = 0;
  std::int64_t duration_ns = 3'600'000'000'000;
  // Times are rounded down to whole multiples after start_ns: coarse clocks make ties.
  std::int64_t granularity_ns = 1;
  // How busy each of so many equal parts of the duration is, relative to the others; empty: equally. Rates are means
  // over the whole duration.
  std::vector<std::uint32_t> activity;
  Model model = Model::kZeroIntelligence;
  HawkesOptions hawkes;
  std::vector<SymbolOptions> symbols;
};

enum class SimError : std::uint8_t {
  kNone = 0,
  kSymbols,    // none, or more than kMaxSymbols
  kTime,       // a duration or granularity that is not positive, or an end beyond int64
  kActivity,   // all parts idle, or more than kMaxActivityParts
  kBranching,  // a branching ratio of one or more: the number of events would grow without end
  kKernels,    // none, all weights zero, or a mean delay of zero
  kRates,      // no limit orders, an order that is never cancelled, or rates too large to add up
  kShares,     // a share above one, or reduce and replace together above one
  kSizes,      // a lot of zero or too large, or ever more lots
  kPrice,      // an initial price below one tick or above kMaxInitialPrice
  kDepth,      // a standing book of more than kMaxDepth orders
};

inline constexpr std::size_t kMaxSymbols = 100'000;
inline constexpr std::size_t kMaxDistances = 4096;
inline constexpr std::size_t kMaxActivityParts = 100'000;
inline constexpr MicroHertz kMaxRate = 1'000'000'000'000'000;  // 10^9 a second
inline constexpr std::int64_t kMaxInitialPrice = std::int64_t{1} << 53;
inline constexpr Quantity kMaxLot = 1'000'000;
inline constexpr std::uint64_t kMaxDepth = 1'000'000;
inline constexpr std::uint32_t kMaxLots = 1000;

[[nodiscard]] constexpr std::string_view to_string(SimError error) noexcept {
  switch (error) {
    case SimError::kNone:
      return "none";
    case SimError::kSymbols:
      return "expected 1 to 100,000 symbols";
    case SimError::kTime:
      return "expected a positive duration and granularity, and an end within int64 nanoseconds";
    case SimError::kActivity:
      return "expected at most 100,000 parts of activity, one of them not idle";
    case SimError::kBranching:
      return "expected a branching ratio below 1: at 1 the number of events grows without end";
    case SimError::kKernels:
      return "expected a kernel with a weight, and mean delays above zero";
    case SimError::kRates:
      return "expected limit orders, cancels at every distance, and rates that add up to at most 10^9 a "
             "second";
    case SimError::kShares:
      return "expected shares from 0 to 1, reduce and replace together at most 1";
    case SimError::kSizes:
      return "expected lots of 1 to 1,000,000, and a chance of further lots below 1";
    case SimError::kPrice:
      return "expected an initial price of at least one tick and at most 2^53";
    case SimError::kDepth:
      return "expected a standing book of at most a million orders for each symbol: cancel more, or place "
             "less";
  }
  return "?";
}

// Orders that stand at a distance on average when nothing trades: what comes in, over the rate at which each leaves.
[[nodiscard]] constexpr std::uint64_t standing_orders(const SymbolOptions& symbol,
                                                      std::size_t distance) noexcept {
  const std::size_t last = symbol.cancel_rates.size() - 1;
  const MicroHertz leaves = symbol.cancel_rates[distance < last ? distance : last];
  return (symbol.limit_rates[distance] + leaves / 2) / leaves;
}

namespace detail {

[[nodiscard]] constexpr bool is_size(const SizeOptions& size) noexcept {
  return size.lot >= 1 && size.lot <= kMaxLot && size.more_q32 < kOneQ32;
}

[[nodiscard]] constexpr SimError check_symbol(const SymbolOptions& symbol) noexcept {
  if (symbol.limit_rates.empty() || symbol.limit_rates.size() > kMaxDistances ||
      symbol.cancel_rates.empty() || symbol.cancel_rates.size() > kMaxDistances ||
      symbol.market_rate > kMaxRate) {
    return SimError::kRates;
  }
  MicroHertz sum = 0;
  for (const MicroHertz rate : symbol.limit_rates) {
    if (rate > kMaxRate || (sum += rate) > kMaxRate) return SimError::kRates;
  }
  if (sum == 0) return SimError::kRates;
  // A million orders times the greatest rate must fit 64 bits with room to spare.
  for (const MicroHertz rate : symbol.cancel_rates) {
    if (rate == 0 || rate > kMaxRate / 1000) return SimError::kRates;
  }
  if (symbol.reduce_q32 > kOneQ32 || symbol.replace_q32 > kOneQ32 ||
      symbol.reduce_q32 + symbol.replace_q32 > kOneQ32 || symbol.limit_size.odd_q32 > kOneQ32 ||
      symbol.market_size.odd_q32 > kOneQ32) {
    return SimError::kShares;
  }
  if (!is_size(symbol.limit_size) || !is_size(symbol.market_size)) return SimError::kSizes;
  if (symbol.initial_bid < 1 || symbol.initial_bid > kMaxInitialPrice) return SimError::kPrice;
  std::uint64_t standing = 0;
  for (std::size_t i = 0; i < symbol.limit_rates.size(); ++i) {
    standing += 2 * standing_orders(symbol, i);
    if (standing > kMaxDepth) return SimError::kDepth;
  }
  return SimError::kNone;
}

}  // namespace detail

// The first thing that is wrong with a description. O(symbols × distances).
[[nodiscard]] inline SimError check(const MarketOptions& options) noexcept {
  if (options.symbols.empty() || options.symbols.size() > kMaxSymbols) return SimError::kSymbols;
  if (options.duration_ns <= 0 || options.granularity_ns <= 0 ||
      options.duration_ns > (std::int64_t{1} << 62) || options.start_ns > INT64_MAX - options.duration_ns) {
    return SimError::kTime;
  }
  if (options.activity.size() > kMaxActivityParts) return SimError::kActivity;
  bool is_idle = !options.activity.empty();
  for (const std::uint32_t part : options.activity) is_idle = is_idle && part == 0;
  if (is_idle) return SimError::kActivity;
  if (options.model == Model::kHawkes) {
    if (options.hawkes.branching_q32 >= kOneQ32) return SimError::kBranching;
    if (options.hawkes.persistence_q32 > kOneQ32) return SimError::kShares;
    std::uint64_t weights = 0;
    for (const Kernel& kernel : options.hawkes.kernels) {
      if (kernel.mean_delay_ns == 0 || kernel.mean_delay_ns > (std::uint64_t{1} << 53) ||
          kernel.weight > UINT32_MAX) {
        return SimError::kKernels;
      }
      weights += kernel.weight;
    }
    if (weights == 0) return SimError::kKernels;
  }
  for (const SymbolOptions& symbol : options.symbols) {
    if (const SimError error = detail::check_symbol(symbol); error != SimError::kNone) return error;
  }
  return SimError::kNone;
}

}  // namespace orderbook::sim

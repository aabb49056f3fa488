// Symbols to start from: activity falls like Zipf's law, and books differ in depth, spread and lot.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "orderbook/sim/options.h"

namespace orderbook::sim {

// One symbol with about `rate` commands (limit orders, cancels, market orders) in 10^6 seconds. `kind` from 0 to 4 goes
// from deep books with a spread of one tick to thin ones with a wide spread. Limit orders come at distance i with a rate
// like 1 / (i + c), and orders near the touch are cancelled sooner, by 1 + 1 / i.
[[nodiscard]] inline SymbolOptions make_symbol(MicroHertz rate, std::size_t kind, std::int64_t initial_bid) {
  constexpr std::array<std::uint64_t, 5> kFlatness = {1, 2, 4, 7, 11};
  constexpr std::array<std::size_t, 5> kDistances = {16, 20, 26, 34, 44};
  constexpr std::array<std::uint64_t, 5> kStanding = {420, 280, 190, 130, 90};
  kind %= kFlatness.size();

  SymbolOptions symbol;
  symbol.initial_bid = initial_bid;
  // Of 100 commands about 47 place, 6 take and 47 cancel.
  const std::uint64_t placed = rate / 200 * 47 + 1;
  symbol.market_rate = rate / 200 * 6;
  const std::size_t distances = kDistances[kind];
  std::vector<std::uint64_t> weights;
  std::uint64_t total = 0;
  for (std::size_t i = 1; i <= distances; ++i) {
    weights.push_back((std::uint64_t{1} << 20) / (i + kFlatness[kind]));
    total += weights.back();
  }
  // Each order's cancel rate follows from how many shall stand when as many leave as come.
  std::uint64_t standing = 0;  // if each left once a second per unit of urgency
  for (std::size_t i = 0; i < distances; ++i) {
    const double share = static_cast<double>(weights[i]) / static_cast<double>(total);
    symbol.limit_rates.push_back(static_cast<MicroHertz>(static_cast<double>(placed) * share));
    standing += symbol.limit_rates.back() * 2 * (i + 1) / (i + 2);
  }
  symbol.limit_rates[0] += 1;  // never none at all
  const std::uint64_t base = standing / kStanding[kind];
  for (std::size_t i = 1; i <= distances; ++i) symbol.cancel_rates.push_back(base * (i + 1) / i + 1);
  symbol.market_size.more_q32 = kOneQ32 / 10 * 6;
  symbol.market_size.odd_q32 = kOneQ32 / 4;
  return symbol;
}

// `count` symbols that share `rate`, the k-th with 1 / (k + 1) of the first one's.
[[nodiscard]] inline std::vector<SymbolOptions> make_symbols(std::size_t count, MicroHertz rate,
                                                             std::uint64_t seed) {
  Random random(seed, UINT64_MAX);
  double total = 0;
  for (std::size_t k = 0; k < count; ++k) total += static_cast<double>((std::uint64_t{1} << 32) / (k + 1));
  std::vector<SymbolOptions> symbols;
  symbols.reserve(count);
  for (std::size_t k = 0; k < count; ++k) {
    const double share = static_cast<double>((std::uint64_t{1} << 32) / (k + 1)) / total;
    const auto own = static_cast<MicroHertz>(static_cast<double>(rate) * share);
    const auto bid = static_cast<std::int64_t>(1'500 + random.below(24'000));
    symbols.push_back(make_symbol(own, k, bid));
  }
  return symbols;
}

}  // namespace orderbook::sim

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

#include "orderbook/sim/market.h"
#include "orderbook/sim/presets.h"

using namespace orderbook;
using namespace orderbook::sim;

namespace {

struct Records {
  std::vector<Event> events;
  std::vector<TradeRecord> trades;
  std::vector<QuoteRecord> quotes;
  void on_event(const Event& event) { events.push_back(event); }
  void on_trade(const TradeRecord& trade) { trades.push_back(trade); }
  void on_quote(const QuoteRecord& quote) { quotes.push_back(quote); }
};

constexpr std::int64_t kSecond = 1'000'000'000;

MarketOptions options_of(Model model, std::size_t symbols, std::uint64_t per_second, std::int64_t seconds,
                         std::uint64_t seed = 1) {
  MarketOptions options;
  options.model = model;
  options.seed = seed;
  options.start_ns = 1'700'000'000 * kSecond;
  options.duration_ns = seconds * kSecond;
  options.symbols = make_symbols(symbols, per_second * 1'000'000, seed);
  return options;
}

Records simulate(const MarketOptions& options) {
  Market market(options);
  REQUIRE(market.error() == SimError::kNone);
  Records records;
  market.run(records);
  REQUIRE(market.done());
  REQUIRE(market.check_invariants() == "");
  return records;
}

std::uint64_t hash_of(const Records& records) {
  std::uint64_t hash = 1469598103934665603u;
  const auto add = [&hash](std::uint64_t value) {
    hash = (hash ^ value) * 1099511628211u;
    hash ^= hash >> 29;
  };
  for (const Event& e : records.events) {
    for (const std::uint64_t value :
         {static_cast<std::uint64_t>(e.time_ns), e.sequence, e.order_id, e.new_order_id,
          static_cast<std::uint64_t>(e.price.ticks), e.quantity, static_cast<std::uint64_t>(e.instrument),
          static_cast<std::uint64_t>(e.kind), static_cast<std::uint64_t>(e.side),
          static_cast<std::uint64_t>(e.flags)}) {
      add(value);
    }
  }
  for (const TradeRecord& t : records.trades) {
    for (const std::uint64_t value : {t.sequence, t.maker_id, t.taker_id, t.quantity}) add(value);
  }
  for (const QuoteRecord& q : records.quotes) {
    for (const std::uint64_t value : {q.sequence, q.bbo.bid_quantity, q.bbo.ask_quantity}) add(value);
  }
  return hash;
}

const Model kModels[] = {Model::kZeroIntelligence, Model::kHawkes};

}  // namespace

TEST_CASE("the same seed gives the same records, however the run is cut, and another seed others") {
  for (const Model model : kModels) {
    const MarketOptions options = options_of(model, 3, 2'000, 5);
    const std::uint64_t whole = hash_of(simulate(options));
    CHECK(hash_of(simulate(options)) == whole);
    CHECK(hash_of(simulate(options_of(model, 3, 2'000, 5, 2))) != whole);

    Market market(options);
    Records records;
    for (std::uint64_t most = 0; !market.done(); most = (most * 7 + 1) % 97) market.run(records, most);
    CHECK(hash_of(records) == whole);
  }
}

// Pinned: the same on every machine and compiler. A change of the simulator that changes it is a change users see.
TEST_CASE("the records of a seed are pinned") {
  CHECK(hash_of(simulate(options_of(Model::kZeroIntelligence, 4, 5'000, 4, 7))) == 17968775068051125513u);
  CHECK(hash_of(simulate(options_of(Model::kHawkes, 4, 5'000, 4, 7))) == 14801024640938396526u);
}

TEST_CASE("events replayed give the book's best prices at every quote, and every trade") {
  for (const Model model : kModels) {
    const Records records = simulate(options_of(model, 5, 5'000, 8, 3));
    REQUIRE(records.quotes.size() > 1'000);
    REQUIRE(records.trades.size() > 200);
    std::vector<std::unique_ptr<BasicReplayBook<TradeRecorder>>> books;
    for (int i = 0; i < 5; ++i) books.push_back(std::make_unique<BasicReplayBook<TradeRecorder>>());
    std::size_t quote = 0;
    std::size_t trade = 0;
    const auto check_quotes = [&](Sequence applied) {
      for (; quote < records.quotes.size() && records.quotes[quote].sequence == applied; ++quote) {
        const QuoteRecord& record = records.quotes[quote];
        REQUIRE(books[record.instrument]->bbo() == record.bbo);
      }
    };
    for (const Event& event : records.events) {
      auto& book = *books[event.instrument];
      REQUIRE(book.apply(event) == Reject::kNone);
      if (event.kind == EventKind::kExecute) {
        const TradeRecord& record = records.trades.at(trade++);
        REQUIRE(record.sequence == event.sequence);
        REQUIRE(record.maker_id == event.order_id);
        REQUIRE(record.price == event.price);
        REQUIRE(record.quantity == event.quantity);
        REQUIRE(record.taker_side == opposite(event.side));
      }
      if ((event.flags & kEventEndOfGroup) != 0) REQUIRE_FALSE(book.bbo().spread().value_or(1) <= 0);
      check_quotes(event.sequence);
    }
    CHECK(quote == records.quotes.size());
    CHECK(trade == records.trades.size());
    for (const auto& book : books) {
      CHECK(book->check_invariants() == "");
      CHECK(book->stats().rejects == 0);
    }
  }
}

TEST_CASE("a quote is a change, and times and sequences are in order over all symbols") {
  for (const Model model : kModels) {
    MarketOptions options = options_of(model, 6, 4'000, 5, 9);
    options.granularity_ns = 1'000'000;
    const Records records = simulate(options);
    const TimestampNs end = options.start_ns + options.duration_ns;
    Sequence sequence = 0;
    TimestampNs time = options.start_ns;
    std::size_t ties = 0;
    for (const Event& event : records.events) {
      REQUIRE(event.sequence == ++sequence);
      REQUIRE(event.time_ns >= time);
      REQUIRE(event.time_ns < end);
      REQUIRE((event.time_ns - options.start_ns) % options.granularity_ns == 0);
      ties += event.time_ns == time ? 1 : 0;
      time = event.time_ns;
    }
    CHECK(ties > 1'000);
    std::map<InstrumentId, Bbo> last;
    for (const QuoteRecord& quote : records.quotes) {
      const auto [at, is_first] = last.try_emplace(quote.instrument, quote.bbo);
      if (!is_first) {
        const Bbo& old = at->second;
        REQUIRE((quote.bbo.bid_price != old.bid_price || quote.bbo.ask_price != old.ask_price ||
                 quote.bbo.bid_quantity != old.bid_quantity || quote.bbo.ask_quantity != old.ask_quantity));
      }
      at->second = quote.bbo;
    }
    CHECK(last.size() == 6);
  }
}

TEST_CASE("a symbol's flow does not depend on the other symbols") {
  for (const Model model : kModels) {
    MarketOptions one = options_of(model, 4, 4'000, 4, 5);
    MarketOptions two = one;
    two.symbols.resize(2);
    const auto flow = [](const Records& records) {
      std::vector<std::tuple<TimestampNs, std::int64_t, Quantity, EventKind, Side>> out;
      for (const Event& e : records.events) {
        if (e.instrument == 1) out.emplace_back(e.time_ns, e.price.ticks, e.quantity, e.kind, e.side);
      }
      return out;
    };
    CHECK(flow(simulate(one)) == flow(simulate(two)));
  }
}

TEST_CASE("limit and market orders arrive at the rates given, at each distance") {
  SymbolOptions symbol;
  symbol.limit_rates = {30'000'000, 20'000'000, 10'000'000, 5'000'000};
  symbol.cancel_rates = {2'000'000, 1'000'000};
  symbol.market_rate = 4'000'000;
  symbol.reduce_q32 = 0;
  symbol.replace_q32 = 0;
  symbol.initial_bid = 100'000;
  for (const Model model : kModels) {
    MarketOptions options = options_of(model, 1, 1, 2'000, 21);
    options.symbols = {symbol};
    const Records records = simulate(options);
    std::map<EventKind, double> counts;
    std::uint64_t takers = 0;
    OrderId taker = 0;
    for (const Event& event : records.events) {
      if ((event.flags & kEventSnapshot) == 0) ++counts[event.kind];
    }
    for (const TradeRecord& trade : records.trades)
      takers += std::exchange(taker, trade.taker_id) != trade.taker_id;
    // Excited arrivals come in clusters, so their counts vary more: by 1 / (1 - n) in standard deviation.
    const double slack = model == Model::kHawkes ? 0.06 : 0.012;
    CHECK(counts[EventKind::kAdd] / 2'000 == Approx(130).epsilon(slack));
    CHECK(static_cast<double>(takers) / 2'000 == Approx(8).epsilon(slack * 2));
    // What comes in leaves again: the book neither grows nor drains.
    const double leaves = counts[EventKind::kDelete] + static_cast<double>(takers);
    CHECK(leaves > 0.9 * counts[EventKind::kAdd]);
  }
}

TEST_CASE("depth is stationary: the second half of a run looks like the first") {
  for (const Model model : kModels) {
    MarketOptions options = options_of(model, 1, 2'000, 200, 13);
    Market market(options);
    Records ignored;
    std::vector<double> live, levels;
    while (!market.done()) {
      market.run(ignored, 500);
      ignored = {};
      const BookStats stats = market.book(0).stats();
      live.push_back(static_cast<double>(stats.active_orders));
      levels.push_back(static_cast<double>(stats.bid_levels + stats.ask_levels));
    }
    const auto mean = [](const std::vector<double>& values, std::size_t from, std::size_t to) {
      double sum = 0;
      for (std::size_t i = from; i < to; ++i) sum += values[i];
      return sum / static_cast<double>(to - from);
    };
    const std::size_t half = live.size() / 2;
    REQUIRE(half > 200);
    CHECK(mean(live, 0, half) == Approx(mean(live, half, live.size())).epsilon(0.1));
    CHECK(mean(levels, 0, half) == Approx(mean(levels, half, levels.size())).epsilon(0.2));
    // The preset's standing book, less what trades take.
    CHECK(mean(live, 0, live.size()) > 200);
    CHECK(mean(live, 0, live.size()) < 500);
  }
}

TEST_CASE("Hawkes arrivals cluster and Poisson ones do not") {
  const auto dispersion = [](Model model) {
    MarketOptions options = options_of(model, 1, 400, 2'000, 17);
    std::vector<double> counts(2'000);
    for (const Event& event : simulate(options).events) {
      if ((event.flags & kEventSnapshot) == 0 && event.kind == EventKind::kAdd) {
        ++counts[static_cast<std::size_t>((event.time_ns - options.start_ns) / kSecond)];
      }
    }
    double sum = 0, squares = 0;
    for (const double count : counts) {
      sum += count;
      squares += count * count;
    }
    const double mean = sum / 2'000;
    return (squares / 2'000 - mean * mean) / mean;
  };
  CHECK(dispersion(Model::kZeroIntelligence) == Approx(1.0).margin(0.15));
  CHECK(dispersion(Model::kHawkes) > 1.8);
}

TEST_CASE("trade signs repeat where pieces of an order follow one another") {
  const auto repeats = [](Model model) {
    const Records records = simulate(options_of(model, 1, 2'000, 200, 19));
    double same = 0, all = 0;
    const TradeRecord* last = nullptr;
    for (const TradeRecord& trade : records.trades) {
      if (last != nullptr && last->taker_id != trade.taker_id) {
        ++all;
        same += last->taker_side == trade.taker_side ? 1 : 0;
      }
      last = &trade;
    }
    REQUIRE(all > 5'000);
    return same / all;
  };
  CHECK(repeats(Model::kZeroIntelligence) == Approx(0.5).margin(0.02));
  CHECK(repeats(Model::kHawkes) > 0.54);
}

TEST_CASE("activity shapes the day") {
  MarketOptions options = options_of(Model::kHawkes, 2, 1'000, 100, 23);
  options.activity = {4, 1, 0, 3};
  std::vector<double> counts(4);
  for (const Event& event : simulate(options).events) {
    if ((event.flags & kEventSnapshot) == 0) {
      ++counts[static_cast<std::size_t>((event.time_ns - options.start_ns) / (25 * kSecond))];
    }
  }
  CHECK(counts[2] == 0);
  CHECK(counts[0] / counts[1] == Approx(4).epsilon(0.1));
  CHECK(counts[3] / counts[1] == Approx(3).epsilon(0.1));
}

TEST_CASE("a book that empties fills again, and no price falls below one tick") {
  SymbolOptions symbol;
  symbol.initial_bid = 3;
  symbol.limit_rates = {1'000'000, 1'000'000, 1'000'000, 1'000'000, 1'000'000, 1'000'000};
  symbol.cancel_rates = {3'000'000};
  symbol.market_rate = 6'000'000;
  MarketOptions options = options_of(Model::kZeroIntelligence, 1, 1, 2'000, 29);
  options.symbols = {symbol};
  const Records records = simulate(options);
  std::size_t empty = 0;
  for (const QuoteRecord& quote : records.quotes)
    empty += !quote.bbo.has_bid() || !quote.bbo.has_ask() ? 1 : 0;
  CHECK(empty > 100);
  CHECK(records.trades.size() > 1'000);
  for (const Event& event : records.events) REQUIRE(event.price.ticks >= 1);
}

TEST_CASE("impossible markets are refused, and run to nothing") {
  const MarketOptions good = options_of(Model::kHawkes, 1, 100, 1);
  const auto error = [&good](auto&& change) {
    MarketOptions options = good;
    change(options);
    Market market(options);
    Records records;
    CHECK(market.run(records) == 0);
    CHECK(market.done());
    CHECK(records.events.empty());
    CHECK_FALSE(to_string(market.error()).empty());
    return market.error();
  };
  CHECK(check(good) == SimError::kNone);
  CHECK(error([](auto& o) { o.symbols.clear(); }) == SimError::kSymbols);
  CHECK(error([](auto& o) { o.duration_ns = 0; }) == SimError::kTime);
  CHECK(error([](auto& o) { o.granularity_ns = 0; }) == SimError::kTime);
  CHECK(error([](auto& o) { o.start_ns = INT64_MAX - 5; }) == SimError::kTime);
  CHECK(error([](auto& o) { o.activity = {0, 0}; }) == SimError::kActivity);
  CHECK(error([](auto& o) { o.hawkes.branching_q32 = kOneQ32; }) == SimError::kBranching);
  CHECK(error([](auto& o) { o.hawkes.persistence_q32 = kOneQ32 + 1; }) == SimError::kShares);
  CHECK(error([](auto& o) { o.hawkes.kernels.clear(); }) == SimError::kKernels);
  CHECK(error([](auto& o) { o.hawkes.kernels = {{1, 0}}; }) == SimError::kKernels);
  CHECK(error([](auto& o) { o.symbols[0].limit_rates.clear(); }) == SimError::kRates);
  CHECK(error([](auto& o) { o.symbols[0].limit_rates = {0, 0}; }) == SimError::kRates);
  CHECK(error([](auto& o) { o.symbols[0].limit_rates[0] = UINT64_MAX; }) == SimError::kRates);
  CHECK(error([](auto& o) { o.symbols[0].cancel_rates[0] = 0; }) == SimError::kRates);
  CHECK(error([](auto& o) { o.symbols[0].market_rate = UINT64_MAX; }) == SimError::kRates);
  CHECK(error([](auto& o) { o.symbols[0].reduce_q32 = kOneQ32; }) == SimError::kShares);
  CHECK(error([](auto& o) { o.symbols[0].limit_size.lot = 0; }) == SimError::kSizes);
  CHECK(error([](auto& o) { o.symbols[0].market_size.more_q32 = kOneQ32; }) == SimError::kSizes);
  CHECK(error([](auto& o) { o.symbols[0].initial_bid = 0; }) == SimError::kPrice);
  CHECK(error([](auto& o) {
          o.symbols[0].limit_rates = {1'000'000'000};
          o.symbols[0].cancel_rates = {1};
        }) == SimError::kDepth);
  // Without excitement the branching ratio is not read.
  CHECK(error([](auto& o) { o.hawkes.branching_q32 = kOneQ32 * 2; }) == SimError::kBranching);
}

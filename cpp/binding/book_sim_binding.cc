// simulateOpen, simulateNext: simulated markets, batch by batch, as columns. No row loops but the sink's appends.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/addon_data.h"
#include "binding/guard.h"
#include "binding/marshal.h"
#include "flowstate/memory/buffer.h"
#include "orderbook/sim/market.h"
#include "orderbook/sim/presets.h"

namespace flowstate::binding {

namespace {

namespace sim = orderbook::sim;

// A column that grows by doubling.
template <typename T>
class Appender {
 public:
  void push(T value) {
    if (size_ == capacity_) grow();
    buffer_.as<T>()[size_++] = value;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  Buffer take() {
    buffer_.shrink(size_ * sizeof(T));
    size_ = capacity_ = 0;
    return std::move(buffer_);
  }

 private:
  void grow() {
    const std::size_t capacity = std::max<std::size_t>(capacity_ * 2, 4096);
    Buffer larger(capacity * sizeof(T));
    if (size_ != 0) std::memcpy(larger.data(), buffer_.data(), size_ * sizeof(T));
    buffer_ = std::move(larger);
    capacity_ = capacity;
  }

  Buffer buffer_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// Arrow's bitmap: bit r % 8 of byte r / 8.
class Validity {
 public:
  void push(bool valid) {
    if (rows_ % 8 == 0) bits_.push_back(0);
    bits_.back() = static_cast<std::uint8_t>(bits_.back() | (valid ? 1u : 0u) << rows_ % 8);
    ++rows_;
    nulls_ += valid ? 0 : 1;
  }
  Napi::Value take(Napi::Env env) {
    if (nulls_ == 0) return env.Null();
    Buffer buffer(bits_.size());
    std::memcpy(buffer.data(), bits_.data(), bits_.size());
    return buffer_to_js(env, std::move(buffer));
  }
  [[nodiscard]] std::size_t nulls() const noexcept { return nulls_; }

 private:
  std::vector<std::uint8_t> bits_;
  std::size_t rows_ = 0;
  std::size_t nulls_ = 0;
};

// A price in ticks as the nearest double: one division of whole numbers, so that 1234 ticks of 0.01 are 12.34.
struct Tick {
  double units = 1;
  double per_whole = 100;
  [[nodiscard]] double price(std::int64_t ticks) const noexcept {
    return static_cast<double>(ticks) * units / per_whole;
  }
};

struct Wanted {
  bool events = true;
  bool trades = true;
  bool quotes = true;
};

class ColumnSink {
 public:
  ColumnSink(const std::vector<Tick>& ticks, Wanted wanted) : ticks_(&ticks), wanted_(wanted) {}

  void on_event(const orderbook::Event& event) {
    if (!wanted_.events) return;
    event_.time.push(event.time_ns);
    event_.symbol.push(static_cast<std::int32_t>(event.instrument));
    event_.sequence.push(event.sequence);
    event_.kind.push(static_cast<std::uint8_t>(event.kind));
    event_.side.push(static_cast<std::uint8_t>(event.side));
    event_.price.push(event.price.ticks);
    event_.quantity.push(event.quantity);
    event_.order_id.push(event.order_id);
    event_.new_order_id.push(event.new_order_id);
    event_.flags.push(event.flags);
  }
  void on_trade(const sim::TradeRecord& trade) {
    if (!wanted_.trades) return;
    trade_.time.push(trade.time_ns);
    trade_.symbol.push(static_cast<std::int32_t>(trade.instrument));
    trade_.price.push((*ticks_)[trade.instrument].price(trade.price.ticks));
    trade_.size.push(static_cast<std::int64_t>(trade.quantity));
    trade_.side.push(static_cast<std::uint8_t>(trade.taker_side));
    trade_.sequence.push(trade.sequence);
    trade_.maker_id.push(trade.maker_id);
    trade_.taker_id.push(trade.taker_id);
  }
  void on_quote(const sim::QuoteRecord& quote) {
    if (!wanted_.quotes) return;
    const orderbook::Bbo& bbo = quote.bbo;
    const Tick& tick = (*ticks_)[quote.instrument];
    quote_.time.push(quote.time_ns);
    quote_.symbol.push(static_cast<std::int32_t>(quote.instrument));
    quote_.bid.push(bbo.has_bid() ? tick.price(bbo.bid_price.ticks) : 0);
    quote_.ask.push(bbo.has_ask() ? tick.price(bbo.ask_price.ticks) : 0);
    quote_.bid_size.push(static_cast<std::int64_t>(bbo.bid_quantity));
    quote_.ask_size.push(static_cast<std::int64_t>(bbo.ask_quantity));
    quote_.has_bid.push(bbo.has_bid());
    quote_.has_ask.push(bbo.has_ask());
    quote_.sequence.push(quote.sequence);
  }

  Napi::Object to_js(Napi::Env env) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("events",
               table(env, event_.time, event_.symbol, event_.sequence, event_.kind, event_.side, event_.price,
                     event_.quantity, event_.order_id, event_.new_order_id, event_.flags));
    object.Set("trades", table(env, trade_.time, trade_.symbol, trade_.price, trade_.size, trade_.side,
                               trade_.sequence, trade_.maker_id, trade_.taker_id));
    Napi::Object quotes = table(env, quote_.time, quote_.symbol, quote_.bid, quote_.bid_size, quote_.ask,
                                quote_.ask_size, quote_.sequence);
    quotes.Set("bidNulls", static_cast<double>(quote_.has_bid.nulls()));
    quotes.Set("askNulls", static_cast<double>(quote_.has_ask.nulls()));
    quotes.Set("bidValidity", quote_.has_bid.take(env));
    quotes.Set("askValidity", quote_.has_ask.take(env));
    object.Set("quotes", quotes);
    return object;
  }

 private:
  template <typename First, typename... Columns>
  static Napi::Object table(Napi::Env env, First& first, Columns&... columns) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("rows", static_cast<double>(first.size()));
    Napi::Array array = Napi::Array::New(env, 1 + sizeof...(columns));
    std::uint32_t at = 0;
    array.Set(at++, buffer_to_js(env, first.take()));
    (array.Set(at++, buffer_to_js(env, columns.take())), ...);
    object.Set("columns", array);
    return object;
  }

  struct Events {
    Appender<std::int64_t> time;
    Appender<std::int32_t> symbol;
    Appender<std::uint64_t> sequence;
    Appender<std::uint8_t> kind, side;
    Appender<std::int64_t> price;
    Appender<std::uint64_t> quantity, order_id, new_order_id;
    Appender<std::uint8_t> flags;
  };
  struct Trades {
    Appender<std::int64_t> time;
    Appender<std::int32_t> symbol;
    Appender<double> price;
    Appender<std::int64_t> size;
    Appender<std::uint8_t> side;
    Appender<std::uint64_t> sequence, maker_id, taker_id;
  };
  struct Quotes {
    Appender<std::int64_t> time;
    Appender<std::int32_t> symbol;
    Appender<double> bid, ask;
    Appender<std::int64_t> bid_size, ask_size;
    Appender<std::uint64_t> sequence;
    Validity has_bid, has_ask;
  };

  const std::vector<Tick>* ticks_;
  Wanted wanted_;
  Events event_;
  Trades trade_;
  Quotes quote_;
};

static_assert(sim::MarketSink<ColumnSink>);

struct Simulation {
  Simulation(sim::MarketOptions options, std::vector<Tick> tick_sizes, Wanted wants)
      : market(std::move(options)), ticks(std::move(tick_sizes)), wanted(wants) {}
  sim::Market market;
  std::vector<Tick> ticks;
  Wanted wanted;
  std::atomic<bool> busy{false};
  bool broken = false;  // a batch was given up: what follows it would have a hole
};

using SimulationExternal = Napi::External<std::shared_ptr<Simulation>>;

class SimulateTask final : public Task {
 public:
  SimulateTask(Napi::Env env, Napi::Object pinned, std::shared_ptr<Simulation> simulation,
               std::uint64_t arrivals)
      : Task(env, pinned),
        simulation_(std::move(simulation)),
        arrivals_(arrivals),
        sink_(simulation_->ticks, simulation_->wanted) {}
  ~SimulateTask() override { simulation_->busy.store(false); }

  void work() override {
    simulation_->broken = true;
    constexpr std::uint64_t kPiece = 4096;  // below a millisecond between looks at the signal
    for (std::uint64_t left = arrivals_; left != 0 && !simulation_->market.done();) {
      if (cancelled_.load(std::memory_order_relaxed)) {
        throw Error(ErrorCode::ABORTED, "the simulation was aborted by its signal");
      }
      const std::uint64_t piece = std::min(left, kPiece);
      simulation_->market.run(sink_, piece);
      left -= piece;
    }
    simulation_->broken = false;
  }
  Napi::Value result(Napi::Env env) override {
    Napi::Object object = sink_.to_js(env);
    object.Set("done", simulation_->market.done());
    return object;
  }
  void cancel() noexcept override { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  std::shared_ptr<Simulation> simulation_;
  std::uint64_t arrivals_;
  ColumnSink sink_;
  std::atomic<bool> cancelled_{false};
};

double get_double(const Napi::Object& object, const char* key) {
  const Napi::Value value = get(object, key);
  if (!value.IsNumber()) throw Error(ErrorCode::ARG_TYPE, std::string(key) + ": expected a number");
  return value.As<Napi::Number>().DoubleValue();
}

// A share as 32 fraction bits. Rounded up, so that anything from one on is refused as one, and never passes below it.
std::uint64_t get_share(const Napi::Object& object, const char* key) {
  const double share = get_double(object, key);
  if (!(share >= 0 && share <= 2)) throw Error(ErrorCode::ARG_RANGE, std::string(key) + ": expected 0 to 1");
  return share >= 1 ? sim::kOneQ32 + (share > 1 ? 1 : 0)
                    : std::min(static_cast<std::uint64_t>(share * 4294967296.0), sim::kOneQ32 - 1);
}

sim::MicroHertz get_rate(const Napi::Object& object, const char* key) {
  const double rate = get_double(object, key);
  if (!(rate > 0 && rate <= 1e9)) {
    throw Error(ErrorCode::ARG_RANGE, std::string(key) + ": expected more than 0 and at most 10^9 a second");
  }
  return static_cast<sim::MicroHertz>(rate * 1e6);
}

std::int64_t get_count(const Napi::Object& object, const char* key, std::int64_t low, std::int64_t high) {
  const std::int64_t value = get_int(object, key);
  if (value < low || value > high) {
    throw Error(ErrorCode::ARG_RANGE, std::string(key) + ": expected " + std::to_string(low) + " to " +
                                          std::to_string(high) + ", got " + std::to_string(value));
  }
  return value;
}

// { count, symbols: [{ units, perWhole, initialBid, kind, rate }] }, each of the last three null for the preset's.
std::vector<Tick> read_symbols(const Napi::Object& request, sim::MarketOptions& options) {
  const Napi::Array symbols = get_array(request, "symbols");
  if (symbols.Length() > sim::kMaxSymbols)
    throw Error(ErrorCode::ARG_RANGE, "symbols: expected at most 100,000");
  options.symbols = sim::make_symbols(symbols.Length(), get_rate(request, "eventsPerSecond"), options.seed);
  std::vector<Tick> ticks;
  for (std::uint32_t i = 0; i < symbols.Length(); ++i) {
    const Napi::Object symbol = symbols.Get(i).As<Napi::Object>();
    ticks.push_back({get_double(symbol, "units"), get_double(symbol, "perWhole")});
    sim::SymbolOptions& own = options.symbols[i];
    const bool has_rate = !is_nullish(get(symbol, "eventsPerSecond"));
    const bool has_kind = !is_nullish(get(symbol, "kind"));
    if (has_rate || has_kind) {
      // 100 commands hold 3 market orders of each side: the inverse of the preset.
      const sim::MicroHertz rate = has_rate ? get_rate(symbol, "eventsPerSecond") : own.market_rate / 6 * 200;
      const std::size_t kind =
          has_kind ? static_cast<std::size_t>(get_count(symbol, "kind", 0, 4)) : static_cast<std::size_t>(i);
      own = sim::make_symbol(rate, kind, own.initial_bid);
    }
    if (!is_nullish(get(symbol, "initialBid"))) own.initial_bid = get_bigint(symbol, "initialBid");
  }
  return ticks;
}

std::unique_ptr<Simulation> open(const Napi::Object& request) {
  sim::MarketOptions options;
  options.seed = static_cast<std::uint64_t>(get_bigint(request, "seed"));
  options.start_ns = get_bigint(request, "startNs");
  options.duration_ns = get_bigint(request, "durationNs");
  options.granularity_ns = get_bigint(request, "granularityNs");
  options.model = static_cast<sim::Model>(get_count(request, "model", 0, 1));
  options.hawkes.branching_q32 = get_share(request, "branching");
  options.hawkes.persistence_q32 = get_share(request, "persistence");
  const Napi::Array kernels = get_array(request, "kernels");
  options.hawkes.kernels.clear();
  for (std::uint32_t i = 0; i < kernels.Length(); ++i) {
    const Napi::Object kernel = kernels.Get(i).As<Napi::Object>();
    const std::int64_t delay = get_bigint(kernel, "meanDelayNs");
    options.hawkes.kernels.push_back({static_cast<std::uint64_t>(get_count(kernel, "weight", 0, UINT32_MAX)),
                                      static_cast<std::uint64_t>(std::max<std::int64_t>(delay, 0))});
  }
  const Napi::Array activity = get_array(request, "activity");
  for (std::uint32_t i = 0; i < activity.Length(); ++i) {
    const Napi::Value part = activity.Get(i);
    if (!part.IsNumber()) throw Error(ErrorCode::ARG_TYPE, "activity: expected whole numbers");
    options.activity.push_back(part.As<Napi::Number>().Uint32Value());
  }
  std::vector<Tick> ticks = read_symbols(request, options);
  const Wanted wanted{get_bool(request, "events"), get_bool(request, "trades"), get_bool(request, "quotes")};
  if (const sim::SimError error = sim::check(options); error != sim::SimError::kNone) {
    throw Error(ErrorCode::ARG_RANGE, "simulation: " + std::string(sim::to_string(error)));
  }
  return std::make_unique<Simulation>(std::move(options), std::move(ticks), wanted);
}

// simulateOpen(request): simulation
Napi::Value simulate_open(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    if (info.Length() < 1 || !info[0].IsObject())
      throw Error(ErrorCode::ARG_TYPE, "simulation: expected a request");
    auto held = std::make_unique<std::shared_ptr<Simulation>>(open(info[0].As<Napi::Object>()));
    auto external = SimulationExternal::New(
        info.Env(), held.get(), [](Napi::Env, std::shared_ptr<Simulation>* gone) { delete gone; });
    held.release();
    return external;
  });
}

// simulateNext(simulation, arrivals): { promise: Promise<{ events, trades, quotes, done }>, cancel }
Napi::Value simulate_next(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    if (info.Length() < 2 || !info[0].IsExternal() || !info[1].IsNumber()) {
      throw Error(ErrorCode::ARG_TYPE, "simulation: expected a simulation and a number of arrivals");
    }
    const double arrivals = info[1].As<Napi::Number>().DoubleValue();
    if (!(arrivals >= 1 && arrivals <= 1e9)) {
      throw Error(ErrorCode::ARG_RANGE, "simulation: expected 1 to 10^9 arrivals");
    }
    const std::shared_ptr<Simulation> simulation = *info[0].As<SimulationExternal>().Data();
    if (simulation->busy.exchange(true))
      throw Error(ErrorCode::BUSY, "simulation: the batch before is being made");
    if (simulation->broken) {
      simulation->busy.store(false);
      throw Error(ErrorCode::CLOSED, "simulation: an earlier batch was given up");
    }
    Napi::Object pinned = Napi::Object::New(info.Env());
    pinned.Set("simulation", info[0]);
    return data_of(info.Env())
        .runner.start(info.Env(), std::make_unique<SimulateTask>(info.Env(), pinned, simulation,
                                                                 static_cast<std::uint64_t>(arrivals)));
  });
}

}  // namespace

void register_book_sim(Napi::Env env, Napi::Object exports) {
  exports.Set("simulateOpen", Napi::Function::New(env, simulate_open, "simulateOpen"));
  exports.Set("simulateNext", Napi::Function::New(env, simulate_next, "simulateNext"));
}

}  // namespace flowstate::binding

// A market of many symbols on the real matching core: order flow comes from arrivals.h, and what trades and what is quoted
// is what the books did with it. Deterministic: the same options give the same records on every machine, and a symbol's
// flow does not depend on what other symbols are there (its order ids and sequence numbers do).
//
// The records are a complete feed: events applied to a ReplayBook per instrument give the same best prices at every quote.
// The books at the start come as kAdd events marked kEventSnapshot. A command's last event is marked kEventEndOfGroup.
// A step is O(log symbols + log pending children) and what the book takes; memory is that of the live orders.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "orderbook/orderbook.h"
#include "orderbook/sim/activity.h"
#include "orderbook/sim/arrivals.h"
#include "orderbook/sim/options.h"
#include "orderbook/sim/records.h"

namespace orderbook::sim {

class Market {
 public:
  // With options that check() refuses the market is empty: done() at once, and error() says why.
  explicit Market(MarketOptions options) : options_(std::move(options)), error_(check(options_)) {
    if (error_ != SimError::kNone) return;
    std::uint64_t standing = 0;
    for (const SymbolOptions& symbol : options_.symbols) {
      for (std::size_t i = 0; i < symbol.limit_rates.size(); ++i) standing += 2 * standing_orders(symbol, i);
    }
    BookOptions books;
    books.books = static_cast<BookNumber>(options_.symbols.size());
    books.window_ticks = 1024;
    books.expected_orders = std::max<std::uint64_t>(standing * 2, 1024);
    books_ = std::make_unique<Arena>(books);
    clock_.emplace(options_.activity, options_.duration_ns);
    symbols_.reserve(options_.symbols.size());
    for (std::size_t i = 0; i < options_.symbols.size(); ++i) {
      symbols_.emplace_back(options_, options_.symbols[i], static_cast<InstrumentId>(i));
    }
  }

  [[nodiscard]] SimError error() const noexcept { return error_; }
  [[nodiscard]] bool done() const noexcept {
    return error_ != SimError::kNone ||
           (is_open_ && (queue_.empty() || queue_.front().time >= options_.duration_ns));
  }
  [[nodiscard]] std::uint64_t commands() const noexcept { return commands_; }

  // Goes on for at most `most` arrivals; the standing books come first and count as none. Some arrivals do nothing: a
  // cancel that its distance spares, an order into an empty side. Returns how many commands reached a book.
  template <MarketSink S>
  std::uint64_t run(S& sink, std::uint64_t most = UINT64_MAX) {
    if (error_ != SimError::kNone) return 0;
    const std::uint64_t before = commands_;
    if (!is_open_) open(sink);
    for (; most != 0 && !done(); --most) {
      std::pop_heap(queue_.begin(), queue_.end(), LaterThan{});
      const Turn turn = queue_.back();
      queue_.pop_back();
      step(symbols_[turn.symbol], turn.time, sink);
      enqueue(symbols_[turn.symbol]);
    }
    return commands_ - before;
  }

  // For looks at the books between two runs. symbol < options' symbols.
  using Arena = OrderBookArena<TradeRecorder>;
  [[nodiscard]] Arena::Book book(InstrumentId symbol) noexcept { return (*books_)[symbol]; }
  [[nodiscard]] std::string check_invariants() const {
    return books_ ? books_->check_invariants() : std::string();
  }

 private:
  struct Symbol {
    Symbol(const MarketOptions& market, const SymbolOptions& symbol, InstrumentId id)
        : options(&symbol),
          number(id),
          random(market.seed, id),
          arrivals(market, symbol),
          last_bid(symbol.initial_bid),
          last_ask(symbol.initial_bid + 1) {
      for (const MicroHertz rate : symbol.limit_rates) {
        up_to.push_back((up_to.empty() ? 0 : up_to.back()) + rate);
      }
      most_cancelled = *std::max_element(symbol.cancel_rates.begin(), symbol.cancel_rates.end());
    }

    const SymbolOptions* options;
    InstrumentId number;
    Random random;
    Arrivals arrivals;
    std::vector<MicroHertz> up_to;  // cumulated limit rates
    MicroHertz most_cancelled = 0;
    std::vector<OrderId> orders;  // all live ones, and some that are gone
    std::int64_t last_bid;        // the last best prices that were there
    std::int64_t last_ask;
    Bbo quoted;
  };
  struct Turn {
    std::int64_t time = 0;
    InstrumentId symbol = 0;
  };
  struct LaterThan {
    bool operator()(const Turn& a, const Turn& b) const noexcept {
      return a.time != b.time ? a.time > b.time : a.symbol > b.symbol;
    }
  };

  // ---- time ---------------------------------------------------------------------------------------------------------

  void enqueue(Symbol& symbol) {
    if (symbol.arrivals.time() >= options_.duration_ns) return;
    queue_.push_back({symbol.arrivals.time(), symbol.number});
    std::push_heap(queue_.begin(), queue_.end(), LaterThan{});
  }

  template <class S>
  void open(S& sink) {
    is_open_ = true;
    now_ns_ = options_.start_ns;
    for (Symbol& symbol : symbols_) {
      const SymbolOptions& o = *symbol.options;
      std::uint64_t left = 0;
      for (std::size_t i = 0; i < o.limit_rates.size(); ++i) {
        // A bid one tick from the first ask is at the first bid.
        const auto away = static_cast<std::int64_t>(i);
        if (o.initial_bid - away >= 1) left += standing_orders(o, i);
        left += standing_orders(o, i);
      }
      for (std::size_t i = 0; i < o.limit_rates.size(); ++i) {
        const auto away = static_cast<std::int64_t>(i);
        for (std::uint64_t n = standing_orders(o, i); n != 0; --n) {
          for (const Side side : {Side::kBuy, Side::kSell}) {
            const std::int64_t ticks = side == Side::kBuy ? o.initial_bid - away : o.initial_bid + 1 + away;
            if (ticks < 1) continue;
            --left;
            place(symbol, side, Price{ticks}, std::nullopt,
                  static_cast<std::uint8_t>(kEventSnapshot | (left == 0 ? kEventEndOfGroup : 0)), sink);
          }
        }
      }
      quote(symbol, sink);
      symbol.arrivals.prepare(symbol.random, 0, live(symbol));
      enqueue(symbol);
    }
  }

  template <class S>
  void step(Symbol& symbol, std::int64_t even, S& sink) {
    const std::int64_t at = (*clock_)(even);
    now_ns_ = options_.start_ns + (at - at % options_.granularity_ns);
    const Flow flow = symbol.arrivals.take(symbol.random, live(symbol));
    if (act(symbol, flow, sink)) {
      ++commands_;
      quote(symbol, sink);
    }
    // Arrivals that came to nothing excite as well: only then are the mean rates those given.
    symbol.arrivals.excite(symbol.random, even, flow);
    symbol.arrivals.prepare(symbol.random, even, live(symbol));
  }

  // ---- flow ---------------------------------------------------------------------------------------------------------

  template <class S>
  bool act(Symbol& symbol, Flow flow, S& sink) {
    switch (flow.kind) {
      case FlowKind::kLimit: {
        const Price price{draw_price(symbol, flow.side)};
        if (price.ticks < 1) return false;
        place(symbol, flow.side, price, std::nullopt, kEventEndOfGroup, sink);
        return true;
      }
      case FlowKind::kMarket:
        return take(symbol, flow.side, sink);
      case FlowKind::kCancel:
        return cancel(symbol, sink);
    }
    return false;
  }

  // Some distance from the opposite best, or from where that was last: never at or beyond it.
  std::int64_t draw_price(Symbol& symbol, Side side) {
    const std::uint64_t place = symbol.random.below(symbol.up_to.back());
    const auto found = std::upper_bound(symbol.up_to.begin(), symbol.up_to.end(), place);
    const std::int64_t away = found - symbol.up_to.begin() + 1;
    return side == Side::kBuy ? symbol.last_ask - away : symbol.last_bid + away;
  }

  static Quantity draw_size(Random& random, const SizeOptions& size) {
    if (size.lot > 1 && random.chance(size.odd_q32)) return 1 + random.below(size.lot - 1);
    return size.lot * (1 + random.geometric(size.more_q32, kMaxLots));
  }

  // A limit order that rests; in the stead of `old`, where told.
  template <class S>
  void place(Symbol& symbol, Side side, Price price, std::optional<OrderId> old, std::uint8_t flags,
             S& sink) {
    Order order = limit_order(++last_id_, side, price, draw_size(symbol.random, symbol.options->limit_size));
    order.time_ns = now_ns_;
    const auto result = old ? books_->replace_order(*old, order.id, price, order.quantity, now_ns_)
                            : books_->add_order(symbol.number, order);
    if (!result.ok()) return;  // kFull, at 2^32 live orders
    symbol.orders.push_back(order.id);
    Event event =
        make_event(symbol, old ? EventKind::kReplace : EventKind::kAdd, side, price, order.quantity);
    event.order_id = old.value_or(order.id);
    event.new_order_id = old ? order.id : 0;
    event.flags = flags;
    sink.on_event(event);
  }

  template <class S>
  bool take(Symbol& symbol, Side side, S& sink) {
    const Bbo bbo = books_->operator[](symbol.number).bbo();
    if (side == Side::kBuy ? !bbo.has_ask() : !bbo.has_bid()) return false;
    Order order = market_order(++last_id_, side, draw_size(symbol.random, symbol.options->market_size));
    order.time_ns = now_ns_;
    if (!books_->add_order(symbol.number, order).ok()) return false;
    std::vector<Trade>& trades = books_->listener().trades;
    for (std::size_t i = 0; i < trades.size(); ++i) {
      const Trade& trade = trades[i];
      Event event =
          make_event(symbol, EventKind::kExecute, opposite(trade.taker_side), trade.price, trade.quantity);
      event.order_id = trade.maker_id;
      event.flags = i + 1 == trades.size() ? kEventEndOfGroup : std::uint8_t{0};
      sink.on_event(event);
      sink.on_trade(TradeRecord{now_ns_, event.sequence, trade.maker_id, trade.taker_id, trade.price,
                                trade.quantity, symbol.number, trade.taker_side});
    }
    trades.clear();
    return true;
  }

  template <class S>
  bool cancel(Symbol& symbol, S& sink) {
    const std::optional<OrderView> picked = pick(symbol);
    if (!picked) return false;
    const OrderView& order = *picked;
    // Drawn at the greatest rate of all distances; kept in the proportion of its own.
    const std::int64_t away =
        order.side == Side::kBuy ? symbol.last_ask - order.price.ticks : order.price.ticks - symbol.last_bid;
    const auto& rates = symbol.options->cancel_rates;
    const auto distance = static_cast<std::size_t>(std::max<std::int64_t>(away, 1)) - 1;
    if (symbol.random.below(symbol.most_cancelled) >= rates[std::min(distance, rates.size() - 1)])
      return false;

    const std::uint64_t how = symbol.random.next() >> 32;
    if (how < symbol.options->reduce_q32 && order.quantity > 1) {
      const Quantity less = 1 + symbol.random.below(order.quantity - 1);
      if (!books_->modify_order(order.id, order.price, order.quantity - less, now_ns_).ok()) return false;
      finish(make_event(symbol, EventKind::kReduce, order.side, order.price, less), order.id, sink);
      return true;
    }
    if (how >= kOneQ32 - symbol.options->replace_q32) {
      const Price price{draw_price(symbol, order.side)};
      if (price.ticks >= 1) {
        place(symbol, order.side, price, order.id, kEventEndOfGroup, sink);
        return true;
      }
    }
    if (!books_->cancel_order(order.id).ok()) return false;
    finish(make_event(symbol, EventKind::kDelete, order.side, order.price, order.quantity), order.id, sink);
    return true;
  }

  template <class S>
  static void finish(Event event, OrderId id, S& sink) {
    event.order_id = id;
    event.flags = kEventEndOfGroup;
    sink.on_event(event);
  }

  // A live order, each as likely. Orders that traded away are met here and dropped; amortised O(1).
  std::optional<OrderView> pick(Symbol& symbol) {
    while (!symbol.orders.empty()) {
      const std::size_t place = symbol.random.below(symbol.orders.size());
      if (const auto found = books_->find(symbol.orders[place])) return found;
      symbol.orders[place] = symbol.orders.back();
      symbol.orders.pop_back();
    }
    return std::nullopt;
  }

  // ---- records ------------------------------------------------------------------------------------------------------

  [[nodiscard]] std::uint64_t live(const Symbol& symbol) const noexcept {
    return (*books_)[symbol.number].stats().active_orders;
  }

  Event make_event(const Symbol& symbol, EventKind kind, Side side, Price price, Quantity quantity) {
    Event event;
    event.time_ns = now_ns_;
    event.sequence = ++sequence_;
    event.price = price;
    event.quantity = quantity;
    event.instrument = symbol.number;
    event.kind = kind;
    event.side = side;
    return event;
  }

  template <class S>
  void quote(Symbol& symbol, S& sink) {
    const Bbo bbo = (*books_)[symbol.number].bbo();
    if (bbo.has_bid()) symbol.last_bid = bbo.bid_price.ticks;
    if (bbo.has_ask()) symbol.last_ask = bbo.ask_price.ticks;
    const Bbo& old = symbol.quoted;
    const bool same = bbo.bid_quantity == old.bid_quantity && bbo.ask_quantity == old.ask_quantity &&
                      (!bbo.has_bid() || bbo.bid_price == old.bid_price) &&
                      (!bbo.has_ask() || bbo.ask_price == old.ask_price);
    symbol.quoted = bbo;
    if (!same) sink.on_quote(QuoteRecord{now_ns_, sequence_, symbol.number, bbo});
  }

  MarketOptions options_;
  SimError error_;
  std::unique_ptr<Arena> books_;
  std::optional<ActivityClock> clock_;
  std::vector<Symbol> symbols_;
  std::vector<Turn> queue_;  // a heap, the next one first
  TimestampNs now_ns_ = 0;
  OrderId last_id_ = 0;
  Sequence sequence_ = 0;
  std::uint64_t commands_ = 0;
  bool is_open_ = false;
};

}  // namespace orderbook::sim

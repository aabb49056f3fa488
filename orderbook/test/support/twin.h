// An arena of books beside as many naive books: every command goes to both, and whatever can be seen must agree.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "orderbook/orderbook.h"
#include "support/commands.h"
#include "support/naive_book.h"

namespace support {

using naive::Told;

// What the product tells, in the judge's words; level changes go to a follower that must end up with the same levels.
struct Teller : NullListener {
  std::vector<Told> told;
  DeltaRecorder deltas;
  void on_accept(const OrderView& v) {
    told.push_back({Told::kAccept, v.id, 0, v.price.ticks, v.quantity, v.reserve});
  }
  void on_trade(const Trade& t) {
    told.push_back({Told::kTrade, t.maker_id, t.taker_id, t.price.ticks, t.quantity, 0});
  }
  void on_cancel(const OrderCancelled& c) { told.push_back({Told::kCancel, c.id, 0, 0, c.quantity, 0}); }
  void on_reduce(const OrderReduced& r) {
    told.push_back({Told::kReduce, r.id, 0, 0, r.removed, r.remaining});
  }
  void on_trigger(const StopTriggered& t) { told.push_back({Told::kTrigger, t.id, 0, 0, 0, 0}); }
  void on_level_change(const LevelChange& change) { deltas.on_level_change(change); }
};

template <class Arena>
class Twin {
 public:
  // `deep_every`: orders, stops, statistics, deltas and invariants are compared after every so many commands.
  Twin(const BookOptions& options, const naive::Settings& settings, std::uint64_t deep_every = 1)
      : arena_(options),
        options_(options),
        naive_(options.books, naive::Book(settings)),
        followers_(options.books),
        deep_every_(deep_every) {}

  // Empty, or what differed.
  std::string step(const Command& c) {
    arena_.listener().told.clear();
    arena_.listener().deltas.clear();
    naive::Book& judge = naive_[c.book];
    judge.told.clear();
    auto book = arena_[c.book];
    std::string why;
    switch (c.kind) {
      case CommandKind::kAdd:
        why = same(book.add_order(c.order), judge.add_order(c.order));
        break;
      case CommandKind::kCancel: {
        const auto got = book.cancel_order(c.order.id);
        const auto want = judge.cancel_order(c.order.id);
        if (got.reject() != want.reject() || (got.ok() && *got != *want)) why = "cancel: result";
        break;
      }
      case CommandKind::kModify:
        why = same(book.modify_order(c.order.id, c.order.price, c.order.quantity, c.order.time_ns),
                   judge.modify_order(c.order.id, c.order.price, c.order.quantity, c.order.time_ns));
        break;
      case CommandKind::kReplace:
        why =
            same(book.replace_order(c.order.id, c.new_id, c.order.price, c.order.quantity, c.order.time_ns),
                 judge.replace_order(c.order.id, c.new_id, c.order.price, c.order.quantity, c.order.time_ns));
        break;
      case CommandKind::kMassCancel:
        if (book.mass_cancel(c.owner, c.side) != judge.mass_cancel(c.owner, c.side))
          why = "mass cancel: count";
        break;
      case CommandKind::kApply: {
        const Reject got = book.apply(c.event);
        const Reject want = judge.apply(c.event);
        if (got != want) why = "apply: " + text(got) + ", should be " + text(want);
        break;
      }
      case CommandKind::kSnapshot:
        why = round_trip(c.book);
        break;
    }
    if (why.empty() && arena_.listener().told != judge.told) why = told_difference(judge.told);
    for (const LevelDelta& delta : arena_.listener().deltas.deltas()) {
      if (followers_[delta.book].apply(delta) != Reject::kNone && why.empty()) why = "a gap in the deltas";
    }
    if (why.empty()) why = compare_top(book, judge);
    if (why.empty() && ++steps_ % deep_every_ == 0) why = compare_all(c.book);
    return why.empty() ? why
                       : why + ", command " + std::to_string(steps_) + " of kind " +
                             std::to_string(static_cast<int>(c.kind));
  }

  std::string finish() {
    for (BookNumber book = 0; book < arena_.size(); ++book) {
      if (std::string why = compare_all(book); !why.empty()) return why;
    }
    return {};
  }

  Arena& arena() { return arena_; }
  std::uint64_t trades() const {
    std::uint64_t sum = 0;
    for (const auto& book : naive_) sum += book.trades;
    return sum;
  }

 private:
  static std::string text(Reject reject) { return std::string(to_string(reject)); }

  static std::string same(const Result<Execution>& got, const Result<Execution>& want) {
    if (got.reject() != want.reject())
      return "refused: " + text(got.reject()) + ", should be " + text(want.reject());
    if (!got.ok()) return {};
    if (got->filled != want->filled) return "filled";
    if (got->resting != want->resting) return "resting";
    if (got->cancelled != want->cancelled) return "cancelled";
    if (got->trades != want->trades) return "trades";
    if (got->state != want->state) return "state";
    return {};
  }

  std::string told_difference(const std::vector<Told>& want) const {
    const auto& got = arena_.listener().told;
    std::ostringstream out;
    const auto print = [&](const std::vector<Told>& all, std::size_t i) {
      if (i >= all.size()) {
        out << "nothing";
        return;
      }
      out << "{" << all[i].kind << ' ' << all[i].id << ' ' << all[i].other << ' ' << all[i].price << ' '
          << all[i].quantity << ' ' << all[i].more << "}";
    };
    std::size_t i = 0;
    while (i < got.size() && i < want.size() && got[i] == want[i]) ++i;
    out << "told " << i << ": ";
    print(got, i);
    out << ", should be ";
    print(want, i);
    return out.str();
  }

  template <class Book>
  std::string compare_top(const Book& book, const naive::Book& judge) const {
    const Bbo bbo = book.bbo();
    if (bbo.has_bid() != !judge.bids.empty() || bbo.has_ask() != !judge.asks.empty()) return "bbo: sides";
    const auto differs = [](const auto& level, Price price, Quantity quantity, OrderCount orders) {
      Quantity sum = 0;
      for (const auto& order : level.second) sum += order.shown;
      return level.first != price.ticks || sum != quantity || level.second.size() != orders;
    };
    if (bbo.has_bid() && differs(*judge.bids.rbegin(), bbo.bid_price, bbo.bid_quantity, bbo.bid_orders))
      return "bid";
    if (bbo.has_ask() && differs(*judge.asks.begin(), bbo.ask_price, bbo.ask_quantity, bbo.ask_orders))
      return "ask";
    return {};
  }

  std::string compare_all(BookNumber number) {
    auto book = arena_[number];
    naive::Book& judge = naive_[number];
    if (std::string why = arena_.check_invariants(); !why.empty()) return why;
    for (const Side side : {Side::kBuy, Side::kSell}) {
      if (std::string why = compare_side(book, judge, side); !why.empty()) return why;
      std::vector<DepthLevel> levels;
      std::vector<DepthLevel> followed;
      book.for_each_level(side, [&](const DepthLevel& level) { levels.push_back(level); });
      followers_[number].for_each_level(side, [&](const DepthLevel& level) { followed.push_back(level); });
      if (levels != followed) return "the deltas do not give the levels";
      std::vector<DepthLevel> depth(levels.size() + 1);
      depth.resize(book.depth(side, depth));
      if (levels != depth) return "depth";
    }
    const BookStats stats = book.stats();
    if (stats.accepted_orders != judge.accepted) return "stats: accepted";
    if (stats.trades != judge.trades || stats.traded_quantity != judge.traded) return "stats: trades";
    if (stats.cancels != judge.cancels) return "stats: cancels";
    if (stats.rejects != judge.rejects) return "stats: rejects";
    if (stats.triggered_stops != judge.triggered) return "stats: triggered";
    if (stats.crossed_events != judge.crossed) return "stats: crossed";
    if (stats.active_orders != judge.active() || stats.pending_stops != judge.pending())
      return "stats: orders";
    if (stats.bid_levels != judge.bids.size() || stats.ask_levels != judge.asks.size())
      return "stats: levels";
    const auto last = book.last_trade_price();
    if (last.has_value() != judge.last_price.has_value() || (last && last->ticks != *judge.last_price))
      return "last";
    return {};
  }

  template <class Book>
  std::string compare_side(Book& book, naive::Book& judge, Side side) {
    std::vector<OrderView> got;
    book.for_each_order(side, [&](const OrderView& order) { got.push_back(order); });
    std::size_t i = 0;
    std::string why;
    std::int64_t level = 0;
    QueuePosition position;
    judge.for_each(side, [&](const naive::Resting& want) {
      if (!why.empty()) return;
      if (i == got.size()) {
        why = "an order is missing";
        return;
      }
      const OrderView& order = got[i];
      if (order.id != want.id || order.price.ticks != want.price || order.quantity != want.shown ||
          order.reserve != want.reserve || order.display != want.display || order.owner != want.owner ||
          order.time_ns != want.time_ns || order.side != side || order.pending_stop) {
        why = "order " + std::to_string(want.id) + " differs or stands elsewhere";
        return;
      }
      if (i == 0 || want.price != level) position = QueuePosition{};
      level = want.price;
      if (i % 16 == 0) {
        const auto place = book.queue_position(want.id);
        if (!place || place->orders_ahead != position.orders_ahead ||
            place->quantity_ahead != position.quantity_ahead) {
          why = "queue position";
        }
      }
      ++position.orders_ahead;
      position.quantity_ahead += want.shown;
      ++i;
    });
    if (!why.empty()) return why;
    if (i != got.size()) return "an order too many";
    std::vector<OrderView> stops;
    book.for_each_stop(side, [&](const OrderView& stop) { stops.push_back(stop); });
    const auto want = judge.sorted_stops(side);
    if (stops.size() != want.size()) return "stops";
    for (std::size_t k = 0; k < want.size(); ++k) {
      if (stops[k].id != want[k].id || stops[k].price != want[k].stop_price ||
          stops[k].quantity != want[k].quantity || stops[k].owner != want[k].owner ||
          !stops[k].pending_stop) {
        return "a stop differs or stands elsewhere";
      }
    }
    return {};
  }

  // Into the same book, and into a book with other policies: the same checksum, and the same bytes again.
  std::string round_trip(BookNumber number) {
    auto book = arena_[number];
    const std::uint64_t before = book.checksum();
    const std::vector<std::byte> bytes = book.snapshot();
    if (book.restore(bytes) != SnapshotError::kNone) return "restore into the same book";
    if (book.checksum() != before) return "checksum after restore";
    BookOptions other = options_;
    other.books = 1;
    other.expected_orders = 16;
    BookArena<typename Arena::QueueType, HashedIndex, TreeLevels> elsewhere(other);
    auto copy = elsewhere[0];
    if (copy.restore(bytes) != SnapshotError::kNone) return "restore into another book";
    if (copy.checksum() != before) return "checksum of another book";
    if (copy.snapshot() != bytes) return "snapshot of a restored book";
    return elsewhere.check_invariants();
  }

  Arena arena_;
  BookOptions options_;
  std::vector<naive::Book> naive_;
  std::vector<DeltaFollower> followers_;
  std::uint64_t deep_every_;
  std::uint64_t steps_ = 0;
};

}  // namespace support

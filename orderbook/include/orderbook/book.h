// One book, or many in one arena: matching, replay, queries, snapshots.
//
// BasicBook and BookRef have the same surface, BookSurface below. A refused command or event changes nothing and is
// counted in stats().rejects. Running out of memory throws std::bad_alloc; nothing else throws but what a listener
// throws. Not thread-safe: one thread at a time per arena. Same commands, same results, always: nothing depends on
// addresses, hashing or time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "orderbook/detail/checksum.h"
#include "orderbook/detail/compiler.h"
#include "orderbook/detail/invariants.h"
#include "orderbook/detail/lookahead.h"
#include "orderbook/detail/matcher.h"
#include "orderbook/detail/query.h"
#include "orderbook/detail/replayer.h"
#include "orderbook/detail/snapshot.h"
#include "orderbook/event.h"
#include "orderbook/snapshot_error.h"

namespace orderbook {

// What can be done with one book. Self has store() and number().
template <class Self, class Store>
class BookSurface {
 public:
  // ---- matching (FIFO books) ---------------------------------------------------------------------------------------

  // Price-time priority; trades at the resting order's price. A good-till-cancel limit order rests with what it did not
  // trade. Fills go to the listener. O(1) plus O(1) per fill. Rejects, in the order they are tested:
  // kZeroQuantity, kQuantityTooLarge, kBadOrder, kBadDisplay, kBadPrice, kBadId, kDuplicateId, kFull, kWouldCross,
  // kUnfillable.
  ORDERBOOK_ALWAYS_INLINE Result<Execution> add_order(const Order& order)
    requires(Store::kKeepsOrders)
  {
    return detail::Matcher(store()).add(number(), order);
  }

  // A resting order or a pending stop. Returns the open quantity it had, hidden part included. O(1). kUnknownId.
  Result<Quantity> cancel_order(OrderId id)
    requires(Store::kKeepsOrders)
  {
    return detail::Matcher(store()).cancel(number(), id);
  }

  // The order's open quantity (hidden part included) becomes `quantity`, its price `price`. At the same price and not
  // more than now it keeps its place, an iceberg losing hidden quantity first; anything else loses the place, enters
  // again as a new limit order with the same id, owner, display, self-trade and post-only policy, and may trade. O(1).
  // kUnknownId, kPendingStop, kZeroQuantity, kQuantityTooLarge, kBadDisplay, kBadPrice, kWouldCross.
  Result<Execution> modify_order(OrderId id, Price price, Quantity quantity, TimestampNs time_ns = 0)
    requires(Store::kKeepsOrders)
  {
    return detail::Matcher(store()).modify(number(), id, price, quantity, time_ns);
  }

  // The order leaves and one with `new_id` (which may be the old id) enters in its stead, on the same side and with the
  // same policies; its place is always lost. Rejects as modify_order, and kBadId, kDuplicateId.
  Result<Execution> replace_order(OrderId id, OrderId new_id, Price price, Quantity quantity,
                                  TimestampNs time_ns = 0)
    requires(Store::kKeepsOrders)
  {
    return detail::Matcher(store()).replace(number(), id, new_id, price, quantity, time_ns);
  }

  // Resting orders and pending stops, of one owner or one side where told. Returns how many left. O(orders).
  std::uint64_t mass_cancel(std::optional<OwnerId> owner = std::nullopt,
                            std::optional<Side> side = std::nullopt)
    requires(Store::kKeepsOrders)
  {
    return detail::Matcher(store()).mass_cancel(number(), owner, side);
  }

  // For whoever knows the commands to come: called before the i-th of `count`, where id_at(k) is the order that the k-th
  // names, it fetches what commands some places ahead will read. A hint: nothing changes, any id will do, and while the
  // live orders fit the L2 cache it does nothing. id_at is asked for places below `count` only.
  template <class IdAt>
  ORDERBOOK_ALWAYS_INLINE void fetch_ahead(std::size_t i, std::size_t count, IdAt&& id_at) noexcept {
    detail::fetch_ahead(store(), i, count, id_at);
  }

  // ---- replay ------------------------------------------------------------------------------------------------------

  // Does to the book what the event says and matches nothing. O(1). Event::instrument is not read: the caller chose the
  // book. FIFO books and level-only books take the events of orders (kAdd … kModify), level-only books also kLevel, on
  // levels that no order is on (kMixedLevel), and books without ids the events of orders by side and price. An event
  // that crosses the book is applied and counted in stats().crossed_events, or refused with BookOptions::reject_crossed.
  // Removing a level that is not there by kLevel is no error: feeds do. Rejects: kUnknownId, kOverExecution,
  // kNegativeLevel, kDuplicateId, kZeroQuantity, kQuantityTooLarge, kBadPrice, kBadId, kNoSide, kWrongKind,
  // kMixedLevel, kPendingStop, kCrossed, kFull.
  Reject apply(const Event& event) { return detail::Replayer(store()).apply(number(), event); }

  // The same for many, in order; refused ones are told to the listener, counted, and passed over. Returns how many were
  // refused. Faster than one by one where the live orders do not fit the L2 cache: it fetches ahead.
  std::size_t apply_all(std::span<const Event> events) {
    return detail::Replayer(store()).apply_all(events, [book = number()](const Event&) { return book; });
  }

  // Both sides and all stops leave; statistics go on. O(orders), O(id index) without a queue.
  void clear() { detail::Replayer(store()).clear(number()); }

  // ---- queries -----------------------------------------------------------------------------------------------------

  // Level 1. O(1).
  [[nodiscard]] Bbo bbo() const noexcept { return detail::Query(store()).bbo(number()); }

  // Level 2, best first, as many as `out` holds; returns how many. O(levels asked for).
  std::size_t bid_depth(std::span<DepthLevel> out) const noexcept { return depth(Side::kBuy, out); }
  std::size_t ask_depth(std::span<DepthLevel> out) const noexcept { return depth(Side::kSell, out); }
  std::size_t depth(Side side, std::span<DepthLevel> out) const noexcept {
    return detail::Query(store()).depth(number(), side, out);
  }
  [[nodiscard]] std::optional<DepthLevel> level(Side side, Price price) const noexcept {
    return detail::Query(store()).level(number(), side, price);
  }
  // visit(DepthLevel), best first. The book must not change meanwhile; the same holds for the next two.
  template <class F>
  void for_each_level(Side side, F&& visit) const {
    detail::Query(store()).for_each_level(number(), side, visit);
  }

  // Level 3: visit(OrderView) in priority order; stops in the order in which they would trigger.
  template <class F>
    requires(Store::kKeepsOrders)
  void for_each_order(Side side, F&& visit) const {
    detail::Query(store()).for_each_order(number(), side, visit);
  }
  template <class F>
    requires(Store::kKeepsOrders)
  void for_each_stop(Side side, F&& visit) const {
    detail::Query(store()).for_each_stop(number(), side, visit);
  }

  // The resting order or pending stop; without a queue only id, side, price and quantity are known. O(1).
  [[nodiscard]] std::optional<OrderView> find(OrderId id) const noexcept {
    const auto found = detail::Query(store()).find(id);
    return found.has_value() && found->book == number() ? found : std::nullopt;
  }

  // What trades before this order at its price. Empty when it does not rest here. O(orders ahead).
  [[nodiscard]] std::optional<QueuePosition> queue_position(OrderId id) const noexcept
    requires(Store::kKeepsOrders)
  {
    return find(id).has_value() ? detail::Query(store()).queue_position(id) : std::nullopt;
  }

  [[nodiscard]] BookStats stats() const noexcept { return detail::Query(store()).stats(number()); }

  // Price of the last match; replayed trades do not count, and trigger no stops.
  [[nodiscard]] std::optional<Price> last_trade_price() const noexcept {
    const detail::BookState& state = store().books[number()];
    return state.has_last_trade ? std::optional(state.last_trade) : std::nullopt;
  }

  // ---- state -------------------------------------------------------------------------------------------------------

  // 64 bits over everything that decides what the book does next: levels, and orders with id, quantities, owner and
  // policies in priority order, pending stops, last match price. Not over times, statistics and storage: books that
  // behave alike have the same checksum, whatever their history, window or id index. Algorithm: detail/checksum.h. O(n).
  [[nodiscard]] std::uint64_t checksum() const { return detail::checksum(store(), number()); }

  // The same over levels only (price, quantity, orders), comparable between FIFO and level-only books. O(levels).
  [[nodiscard]] std::uint64_t level_checksum() const { return detail::level_checksum(store(), number()); }

  // The book as bytes, little endian, versioned, with a checksum: detail/snapshot.h. Statistics are in it too. O(n).
  [[nodiscard]] std::vector<std::byte> snapshot() const { return detail::take_snapshot(store(), number()); }

  // Makes this book what the snapshot says: same checksum, same statistics. Any bytes are safe: they are checked in
  // full first, and on an error nothing has changed. The listener hears nothing. O(n log n).
  [[nodiscard]] SnapshotError restore(std::span<const std::byte> bytes) {
    return detail::restore_snapshot(store(), number(), bytes);
  }

  // The first violated invariant as text, or empty. O(n + window). For debug builds and tests: any time, any book.
  [[nodiscard]] std::string check_invariants() const { return detail::check_book(store(), number()); }

 private:
  [[nodiscard]] Store& store() noexcept { return static_cast<Self*>(this)->store_of_book(); }
  [[nodiscard]] const Store& store() const noexcept {
    return static_cast<const Self*>(this)->store_of_book();
  }
  [[nodiscard]] BookNumber number() const noexcept { return static_cast<const Self*>(this)->number(); }
};

// Many books over one pool of orders, one of levels and one id index: an order id is unique in the whole arena.
// A book is a number from 0; commands by order id need none.
template <QueuePolicy Queue, template <class> class Index, LevelContainer Levels,
          EventListener Listener = NullListener>
class BookArena {
 public:
  using QueueType = Queue;
  using Store = detail::Store<Queue, Index, Levels, Listener>;

  // One of the arena's books. Copies refer to the same book; valid while the arena is neither moved nor gone.
  class Book : public BookSurface<Book, Store> {
   public:
    Book(Store& store, BookNumber number) noexcept : store_(&store), number_(number) {}
    [[nodiscard]] BookNumber number() const noexcept { return number_; }
    [[nodiscard]] Store& store_of_book() noexcept { return *store_; }
    [[nodiscard]] const Store& store_of_book() const noexcept { return *store_; }

   private:
    Store* store_;
    BookNumber number_;
  };

  explicit BookArena(const BookOptions& options = {}, Listener listener = {})
      : store_(options, std::move(listener)) {}

  [[nodiscard]] BookNumber size() const noexcept { return static_cast<BookNumber>(store_.books.size()); }
  // number < size().
  [[nodiscard]] Book operator[](BookNumber number) noexcept { return Book(store_, number); }

  // As the book's own, and kBadBook for a number that is not below size().
  ORDERBOOK_ALWAYS_INLINE Result<Execution> add_order(BookNumber book, const Order& order)
    requires(Store::kKeepsOrders)
  {
    if (book >= size()) [[unlikely]]
      return detail::Matcher(store_).refuse(book, order.id, Reject::kBadBook);
    return detail::Matcher(store_).add(book, order);
  }
  Reject apply(BookNumber book, const Event& event) {
    if (book >= size()) [[unlikely]]
      return detail::Replayer(store_).refuse(book, event, Reject::kBadBook);
    return detail::Replayer(store_).apply(book, event);
  }

  // A feed of many books, in order: Event::instrument is the book's number. See BookSurface::apply_all.
  std::size_t apply_all(std::span<const Event> events) {
    return detail::Replayer(store_).apply_all(events, [](const Event& event) { return event.instrument; });
  }

  // See BookSurface::fetch_ahead; the orders may be of any of the books.
  template <class IdAt>
  ORDERBOOK_ALWAYS_INLINE void fetch_ahead(std::size_t i, std::size_t count, IdAt&& id_at) noexcept {
    detail::fetch_ahead(store_, i, count, id_at);
  }

  // By id alone, whichever book the order is in.
  Result<Quantity> cancel_order(OrderId id)
    requires(Store::kKeepsOrders)
  {
    return detail::Matcher(store_).cancel(std::nullopt, id);
  }
  Result<Execution> modify_order(OrderId id, Price price, Quantity quantity, TimestampNs time_ns = 0)
    requires(Store::kKeepsOrders)
  {
    return detail::Matcher(store_).modify(std::nullopt, id, price, quantity, time_ns);
  }
  Result<Execution> replace_order(OrderId id, OrderId new_id, Price price, Quantity quantity,
                                  TimestampNs time_ns = 0)
    requires(Store::kKeepsOrders)
  {
    return detail::Matcher(store_).replace(std::nullopt, id, new_id, price, quantity, time_ns);
  }
  [[nodiscard]] std::optional<OrderView> find(OrderId id) const noexcept {
    return detail::Query(store_).find(id);
  }

  [[nodiscard]] Listener& listener() noexcept { return store_.listener; }
  [[nodiscard]] const Listener& listener() const noexcept { return store_.listener; }
  // Of all storage, used or not.
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return store_.bytes(); }
  // Over all books, and of what they share.
  [[nodiscard]] std::string check_invariants() const { return detail::check_arena(store_); }

 private:
  Store store_;
};

// A single book with storage of its own.
template <QueuePolicy Queue, template <class> class Index, LevelContainer Levels,
          EventListener Listener = NullListener>
class BasicBook : public BookSurface<BasicBook<Queue, Index, Levels, Listener>,
                                     detail::Store<Queue, Index, Levels, Listener>> {
 public:
  using Store = detail::Store<Queue, Index, Levels, Listener>;

  // BookOptions::books is not read.
  explicit BasicBook(BookOptions options = {}, Listener listener = {})
      : store_((options.books = 1, options), std::move(listener)) {}

  [[nodiscard]] static constexpr BookNumber number() noexcept { return 0; }
  [[nodiscard]] Store& store_of_book() noexcept { return store_; }
  [[nodiscard]] const Store& store_of_book() const noexcept { return store_; }

  [[nodiscard]] Listener& listener() noexcept { return store_.listener; }
  [[nodiscard]] const Listener& listener() const noexcept { return store_.listener; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return store_.bytes(); }

 private:
  Store store_;
};

}  // namespace orderbook

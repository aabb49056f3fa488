// Everything the books of an arena are made of, and the few steps by which matching and replay both change them. Each
// step leaves level sums, links, ids and counters true; rules (who may trade, what is refused) are not decided here.
#pragma once

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "orderbook/detail/compiler.h"
#include "orderbook/fifo_queue.h"
#include "orderbook/id_index.h"
#include "orderbook/level.h"
#include "orderbook/listener.h"
#include "orderbook/options.h"
#include "orderbook/queue_policy.h"
#include "orderbook/tree_levels.h"
#include "orderbook/views.h"

namespace orderbook::detail {

struct alignas(128) BookState {
  std::uint64_t accepted_orders = 0;
  std::uint64_t trades = 0;
  Quantity traded_quantity = 0;
  std::uint64_t cancels = 0;
  std::uint64_t active_orders = 0;
  std::uint64_t rejects = 0;
  std::uint64_t triggered_stops = 0;
  std::uint64_t crossed_events = 0;
  std::uint64_t pending_stops = 0;
  Quantity open_quantity = 0;  // 64-bit queues only: bounds every level's sum
  Price last_trade;            // of matching; replays trigger no stops
  Price trade_low;             // of the trades since stops were last elected
  Price trade_high;
  NodeId triggered_head = 0;  // stops elected and not yet activated, linked by Node::next
  NodeId triggered_tail = 0;
  bool has_last_trade = false;
  bool has_new_trade = false;
  bool was_crossed = false;  // by a replayed event, as feeds are at times
};

template <QueuePolicy Queue, template <class> class Index, LevelContainer Levels, EventListener Listener>
  requires IdIndex<Index<typename Queue::Record>,
                   typename Queue::Record> struct Store {
  using Record = typename Queue::Record;
  static constexpr bool kKeepsOrders = Queue::kKeepsOrders;
  static constexpr bool kHasIds = Index<Record>::kHasIds;
  static constexpr Quantity kMaxQuantity = Queue::kMaxQuantity;
  static constexpr bool kWide = kMaxQuantity > std::numeric_limits<std::uint32_t>::max();

  explicit Store(const BookOptions& given, Listener its_listener)
      : options(given),
        price_span(static_cast<std::uint64_t>(given.max_price.ticks) -
                   static_cast<std::uint64_t>(given.min_price.ticks)),
        queue(static_cast<std::size_t>(std::min(given.expected_orders, given.max_orders)),
              static_cast<std::size_t>(given.max_orders)),
        ids(given),
        levels(std::max<std::size_t>(64, std::min<std::size_t>(given.expected_orders, 1024))),
        ladders(given, std::size_t{given.books} * 2),
        stops(given, std::size_t{given.books} * 2),
        books(given.books),
        listener(std::move(its_listener)) {
    if (given.prefault) {
      queue.prefault();
      ids.prefault();
      levels.prefault();
    }
  }

  [[nodiscard]] static LadderIndex ladder(BookNumber book, Side side) noexcept {
    return std::size_t{book} * 2 + static_cast<std::size_t>(side);
  }
  [[nodiscard]] static LadderIndex ladder(const Level& level) noexcept {
    return std::size_t{level.book()} * 2 + (level.place & 1);
  }
  [[nodiscard]] static std::uint32_t place(BookNumber book, Side side, bool is_stop = false) noexcept {
    return book << 2 | static_cast<std::uint32_t>(is_stop) << 1 | static_cast<std::uint32_t>(side);
  }
  // Stops wait in the order in which the market reaches them: buy stops upwards, sell stops downwards.
  [[nodiscard]] static LevelKey stop_key(Side side, Price price) noexcept {
    return key_of(opposite(side), price);
  }

  [[nodiscard]] static Price price_at(const Level& level) noexcept {
    return price_of(level.is_stop() ? opposite(level.side()) : level.side(), level.key);
  }

  [[nodiscard]] bool is_price(Price price) const noexcept {
    return static_cast<std::uint64_t>(price.ticks) - static_cast<std::uint64_t>(options.min_price.ticks) <=
           price_span;
  }

  // The queue's storage never grows past max_orders, so a free place in it answers for all.
  [[nodiscard]] bool is_full() const noexcept {
    return !queue.has_room() && ids.size() >= options.max_orders;
  }

  // Whether an order on `side` with this key would trade now.
  [[nodiscard]] bool crosses(BookNumber book, Side side, LevelKey key) const noexcept {
    const LadderIndex other = ladder(book, opposite(side));
    return ladders.best(other) != 0 && key >= ~ladders.best_key(other);
  }

  // So that what follows does not allocate. Throws std::bad_alloc and has then changed nothing.
  void make_room(OrderId id) {
    queue.make_room();
    ids.make_room(id);
  }

  // Found or made.
  [[nodiscard]] ORDERBOOK_ALWAYS_INLINE LevelId open_level(BookNumber book, Side side, LevelKey key) {
    const LevelId id = ladders.find(ladder(book, side), key);
    return id != 0 ? id : make_level(book, side, key);
  }

  [[nodiscard]] ORDERBOOK_NOINLINE LevelId make_level(BookNumber book, Side side, LevelKey key) {
    levels.make_room();
    const LevelId id = levels.take(key, place(book, side));
    try {
      ladders.insert(ladder(book, side), key, id);
    } catch (...) {
      levels.give_back(id);
      throw;
    }
    return id;
  }

  void publish(const Level& level) {
    listener.on_level_change(LevelChange{price_of(level.side(), level.key), level.quantity, level.orders,
                                         level.book(), level.side()});
  }

  ORDERBOOK_NOINLINE void drop(LevelId id, const Level& level) noexcept {
    ladders.erase(ladder(level), level.key);
    levels.give_back(id);
  }

  void publish_or_drop(LevelId id, const Level& level) {
    publish(level);
    if (level.quantity == 0) drop(id, level);
  }

  // The order enters at the end of its queue. Its id is new, room was made.
  ORDERBOOK_ALWAYS_INLINE void rest(BookNumber book, Side side, LevelKey key, const Entry& entry) {
    const LevelId id = open_level(book, side, key);
    Level& level = levels[id];
    const Record record = queue.add(id, level, entry);
    *ids.insert(entry.id) = record;
    BookState& state = books[book];
    ++state.active_orders;
    if constexpr (kWide) state.open_quantity += entry.quantity + entry.reserve;
    listener.on_accept(view_of(entry, book, side, price_of(side, key)));
    publish(level);
  }

  // The resting order leaves, by whatever way.
  ORDERBOOK_ALWAYS_INLINE void remove(OrderId id, Record* record) {
    const LevelId level_id = queue.level_of(*record);
    Level& level = levels[level_id];
    BookState& state = books[level.book()];
    --state.active_orders;
    if constexpr (kWide) state.open_quantity -= open(*record);
    queue.remove(*record, level);
    ids.erase(id, record);
    publish_or_drop(level_id, level);
  }

  // The resting order keeps its id and goes to the end of another queue, or of its own.
  void relocate(Record* record, LevelKey key, const Entry& entry) {
    const LevelId from = queue.level_of(*record);
    const BookNumber book = levels[from].book();
    const Side side = levels[from].side();
    const LevelId to = open_level(book, side, key);
    if constexpr (kWide) {
      books[book].open_quantity += entry.quantity + entry.reserve;
      books[book].open_quantity -= open(*record);
    }
    queue.remove(*record, levels[from]);
    *record = queue.add(to, levels[to], entry);
    if (from != to) publish_or_drop(from, levels[from]);
    listener.on_accept(view_of(entry, book, side, price_of(side, key)));
    publish(levels[to]);
  }

  // By less than it shows; it keeps its place.
  void reduce(OrderId id, Record* record, Quantity quantity, bool is_told = true) {
    Level& level = levels[queue.level_of(*record)];
    queue.reduce(*record, level, quantity);
    if constexpr (kWide) books[level.book()].open_quantity -= quantity;
    if (is_told) listener.on_reduce(OrderReduced{id, quantity, open(*record), level.book()});
    publish(level);
  }

  [[nodiscard]] Quantity open(const Record& record) const noexcept {
    if constexpr (kKeepsOrders) return queue.shown(record) + queue.reserve(record);
    return queue.shown(record);
  }

  [[nodiscard]] static OrderView view_of(const Entry& entry, BookNumber book, Side side,
                                         Price price) noexcept {
    return OrderView{entry.id,      price, entry.quantity, entry.reserve, entry.display,
                     entry.time_ns, book,  entry.owner,    side,          false};
  }

  [[nodiscard]] OrderView view_of(NodeId node) const noexcept
    requires(kKeepsOrders)
  {
    const auto& details = queue.details(node);
    const Level& level = levels[queue.level_of({node})];
    const bool is_stop = level.is_stop();
    return OrderView{details.id,
                     price_at(level),
                     queue.node(node).quantity,
                     is_stop ? Quantity{0} : Quantity{details.reserve},
                     is_stop ? stop_terms[details.reserve].display : Quantity{details.display},
                     details.time_ns,
                     level.book(),
                     details.owner,
                     level.side(),
                     is_stop};
  }

  // ---- pending stops: the same nodes and levels, in ladders of their own -------------------------------------------

  void park(BookNumber book, const Order& order, bool is_told = true)
    requires(kKeepsOrders)
  {
    if (free_terms.empty()) {
      free_terms.reserve(stop_terms.size() + 1);  // so that giving terms back never allocates
      stop_terms.emplace_back();
      free_terms.push_back(static_cast<std::uint32_t>(stop_terms.size() - 1));
    }
    const LevelKey key = stop_key(order.side, order.stop_price);
    const LadderIndex at = ladder(book, order.side);
    LevelId id = stops.find(at, key);
    if (id == 0) {
      levels.make_room();
      id = levels.take(key, place(book, order.side, true));
      try {
        stops.insert(at, key, id);
      } catch (...) {
        levels.give_back(id);
        throw;
      }
    }
    const std::uint32_t terms = free_terms.back();
    free_terms.pop_back();
    stop_terms[terms] = order;
    const Entry entry{order.id, order.time_ns, order.quantity, terms, 0, order.owner, EntryFlags::of(order)};
    const Record record = queue.add(id, levels[id], entry);
    *ids.insert(order.id) = record;
    BookState& state = books[book];
    ++state.pending_stops;
    if constexpr (kWide) state.open_quantity += order.quantity;
    if (is_told) listener.on_accept(view_of(record.node));
  }

  void unpark(OrderId id, Record* record)
    requires(kKeepsOrders)
  {
    const LevelId level_id = queue.level_of(*record);
    Level& level = levels[level_id];
    BookState& state = books[level.book()];
    --state.pending_stops;
    if constexpr (kWide) state.open_quantity -= queue.shown(*record);
    free_terms.push_back(static_cast<std::uint32_t>(queue.details(record->node).reserve));
    queue.remove(*record, level);
    ids.erase(id, record);
    if (level.orders != 0) return;
    stops.erase(ladder(level), level.key);
    levels.give_back(level_id);
  }

  // An elected stop, already out of its ladder, leaves for good: what it becomes.
  [[nodiscard]] Order release(BookNumber book, NodeId node)
    requires(kKeepsOrders)
  {
    const auto terms = static_cast<std::uint32_t>(queue.details(node).reserve);
    const Order order = stop_terms[terms];
    Level gone;
    Record* record = ids.find(order.id);
    --books[book].pending_stops;
    if constexpr (kWide) books[book].open_quantity -= order.quantity;
    free_terms.push_back(terms);
    queue.node(node).next = queue.node(node).prev = 0;
    queue.remove(*record, gone);
    ids.erase(order.id, record);
    return order;
  }

  [[nodiscard]] std::size_t bytes() const noexcept {
    return queue.bytes() + ids.bytes() + levels.bytes() + ladders.bytes() + stops.bytes() +
           books.capacity() * sizeof(BookState) + stop_terms.capacity() * sizeof(Order) +
           free_terms.capacity() * sizeof(std::uint32_t);
  }

  BookOptions options;
  std::uint64_t price_span;  // max_price - min_price
  Queue queue;
  Index<Record> ids;
  LevelPool levels;
  Levels ladders;
  TreeLevels stops;
  std::vector<BookState> books;
  std::vector<Order> stop_terms;          // what a stop becomes, by Details::reserve
  std::vector<std::uint32_t> free_terms;  // and the unused ones of them
  [[no_unique_address]] Listener listener;
};

}  // namespace orderbook::detail

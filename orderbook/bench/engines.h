// The contenders behind one face: message(), event(), bbo(). Each is what a user would write against that book.
#pragma once

#include "map_book.h"
#include "orderbook/orderbook.h"
#include "workload.h"

namespace bench {

// Options for a workload: room for its live orders, prices in the window.
inline BookOptions options_for(const Workload& work) {
  BookOptions options;
  options.books = static_cast<BookNumber>(work.shape.books);
  options.window_ticks = 1024;
  options.expected_orders = work.shape.live + work.shape.live / 4;
  options.expected_ids = work.last_id;
  options.prefault = true;
  return options;
}

// A book of ours, matching or replaying. One book is a BasicBook, more are an arena.
template <class Books, bool kScatters>
class Ours {
 public:
  static constexpr bool kIsArena = requires(Books & books) { books[0]; };
  explicit Ours(const Workload& work) : books_(options_for(work)) {}

  void message(const Message& m) {
    const OrderId id = kScatters ? scattered(m.id) : m.id;
    switch (m.op) {
      case Op::kAdd:
        (void)add(m.book, limit_order(id, m.side, Price{m.price}, m.quantity));
        break;
      case Op::kCancel:
        (void)books_.cancel_order(id);
        break;
      case Op::kModify:
        (void)books_.modify_order(id, Price{m.price}, m.quantity);
        break;
      case Op::kTake: {
        const auto done = add(m.book, ioc_order(id, m.side, Price{m.price}, m.quantity));
        fills += done->trades;
        filled += done->filled;
        break;
      }
    }
  }

  // All of them, in order, fetching ahead.
  void messages(std::span<const Message> all) {
    const auto id_at = [all](std::size_t at) { return kScatters ? scattered(all[at].id) : all[at].id; };
    for (std::size_t i = 0; i < all.size(); ++i) {
      books_.fetch_ahead(i, all.size(), id_at);
      message(all[i]);
    }
  }

  // With kScatters the events' ids are scattered already.
  void event(const Event& e) {
    if constexpr (kIsArena) {
      refused += books_.apply(e.instrument, e) != Reject::kNone;
    } else {
      refused += books_.apply(e) != Reject::kNone;
    }
    if (e.kind == EventKind::kExecute) {
      ++fills;
      filled += e.quantity;
    }
  }

  // The feed as batches of 4,096.
  void events(std::span<const Event> all) {
    for (std::size_t i = 0; i < all.size(); i += 4096) {
      refused += books_.apply_all(all.subspan(i, std::min<std::size_t>(4096, all.size() - i)));
    }
  }

  Bbo bbo(std::size_t book) {
    if constexpr (kIsArena) {
      return books_[static_cast<BookNumber>(book)].bbo();
    } else {
      return books_.bbo();
    }
  }

  std::size_t depth(std::size_t book, std::span<DepthLevel> bids, std::span<DepthLevel> asks) {
    if constexpr (kIsArena) {
      auto one = books_[static_cast<BookNumber>(book)];
      return one.bid_depth(bids) + one.ask_depth(asks);
    } else {
      return books_.bid_depth(bids) + books_.ask_depth(asks);
    }
  }

  std::size_t bytes() const { return books_.memory_bytes(); }

  std::uint64_t fills = 0;
  std::uint64_t filled = 0;
  std::uint64_t refused = 0;

 private:
  ORDERBOOK_ALWAYS_INLINE Result<Execution> add(BookNumber book, const Order& order) {
    if constexpr (kIsArena) {
      return books_.add_order(book, order);
    } else {
      return books_.add_order(order);
    }
  }

  Books books_;
};

class Map {
 public:
  explicit Map(const Workload& work) : books_(work.shape.books, work.shape.live * 2) {}

  void message(const Message& m) {
    switch (m.op) {
      case Op::kAdd:
        books_.add(m.book, m.id, m.side, m.price, m.quantity);
        break;
      case Op::kCancel:
        books_.cancel(m.id);
        break;
      case Op::kModify:
        books_.modify(m.id, m.price, m.quantity);
        break;
      case Op::kTake:
        books_.take(m.book, m.side, m.price, m.quantity, [this](OrderId, Quantity quantity) {
          ++fills;
          filled += quantity;
        });
        break;
    }
  }

  void event(const Event& e) {
    switch (e.kind) {
      case EventKind::kAdd:
        books_.add(e.instrument, e.order_id, e.side, e.price.ticks, e.quantity);
        break;
      case EventKind::kDelete:
        books_.cancel(e.order_id);
        break;
      case EventKind::kModify:
        books_.modify(e.order_id, e.price.ticks, e.quantity);
        break;
      default:
        books_.reduce(e.order_id, e.quantity);
        ++fills;
        filled += e.quantity;
        break;
    }
  }

  Bbo bbo(std::size_t book) const { return books_.bbo(book); }

  std::size_t depth(std::size_t book, std::span<DepthLevel> bids, std::span<DepthLevel> asks) const {
    return copy(books_.bids(book), bids) + copy(books_.asks(book), asks);
  }

  // By arithmetic, allocator headers included: a list node 48, a map node 96, a hash node 64 and its bucket 8.
  std::size_t bytes() const { return books_.live() * (48 + 64 + 16); }

  std::uint64_t fills = 0;
  std::uint64_t filled = 0;
  std::uint64_t refused = 0;

 private:
  template <class Levels>
  static std::size_t copy(const Levels& levels, std::span<DepthLevel> out) {
    std::size_t count = 0;
    for (const auto& [price, level] : levels) {
      if (count == out.size()) break;
      out[count++] = DepthLevel{Price{price}, level.quantity, static_cast<OrderCount>(level.orders.size())};
    }
    return count;
  }

  MapBooks books_;
};

}  // namespace bench

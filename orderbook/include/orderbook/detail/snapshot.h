// Snapshot of a book, version 1: little-endian 64-bit words.
//
//   magic "OBSNAP" | version << 48, kind (1 queue, 2 ids), accepted, trades, traded quantity, cancels, rejects,
//   triggered stops, crossed events, has last match | was crossed << 1, last match price;
//   bids, then asks: levels; per level from the best: price, quantity, orders,
//     and with a queue per order in priority: id, time, shown, reserve, display, owner << 32 | policies;
//   with a queue, buy then sell stops: count; per stop in trigger order: id, time, stop price, price, quantity, display,
//     owner << 32 | type << 16 | time in force << 8 | policies;
//   with ids and no queue: count; per order by ascending id: id, side, price, quantity;
//   Digest (checksum.h) over all words before.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "orderbook/detail/checksum.h"
#include "orderbook/snapshot_error.h"

namespace orderbook::detail {

inline constexpr std::uint64_t kSnapshotMagic = 0x50414E53424Full;  // "OBSNAP", little endian
inline constexpr std::uint64_t kSnapshotVersion = 1;

class WordWriter {
 public:
  void add(std::uint64_t word) {
    digest_.add(word);
    put(word);
  }
  void add(Price price) { add(static_cast<std::uint64_t>(price.ticks)); }
  [[nodiscard]] std::vector<std::byte> finish() {
    put(digest_.value());
    return std::move(bytes_);
  }

 private:
  void put(std::uint64_t word) {
    for (int i = 0; i < 8; ++i) bytes_.push_back(static_cast<std::byte>(word >> 8 * i));
  }
  std::vector<std::byte> bytes_;
  Digest digest_;
};

class WordReader {
 public:
  explicit WordReader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
  // Reading past the end gives zeros, and is_over says so.
  [[nodiscard]] std::uint64_t next() noexcept {
    if (bytes_.size() < 8) {
      is_over_ = true;
      return 0;
    }
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8; ++i) word |= static_cast<std::uint64_t>(bytes_[i]) << 8 * i;
    bytes_ = bytes_.subspan(8);
    return word;
  }
  [[nodiscard]] Price price() noexcept { return Price{static_cast<std::int64_t>(next())}; }
  // A count of items of `words` words each: more than the bytes can hold is an error, not an allocation.
  [[nodiscard]] std::size_t count(std::size_t words) noexcept {
    const std::uint64_t count = next();
    if (count > bytes_.size() / 8 / words) {
      is_over_ = true;
      return 0;
    }
    return static_cast<std::size_t>(count);
  }
  [[nodiscard]] bool is_over() const noexcept { return is_over_; }
  [[nodiscard]] bool is_at_end() const noexcept { return !is_over_ && bytes_.empty(); }

 private:
  std::span<const std::byte> bytes_;
  bool is_over_ = false;
};

template <class S>
[[nodiscard]] constexpr std::uint64_t snapshot_kind() noexcept {
  return std::uint64_t{S::kKeepsOrders} | std::uint64_t{S::kHasIds} << 1;
}

template <class S>
[[nodiscard]] std::vector<std::byte> take_snapshot(const S& s, BookNumber book) {
  const BookState& state = s.books[book];
  WordWriter out;
  for (const std::uint64_t word :
       {kSnapshotMagic | kSnapshotVersion << 48, snapshot_kind<S>(), state.accepted_orders, state.trades,
        state.traded_quantity, state.cancels, state.rejects, state.triggered_stops, state.crossed_events,
        std::uint64_t{state.has_last_trade} | std::uint64_t{state.was_crossed} << 1}) {
    out.add(word);
  }
  out.add(state.has_last_trade ? state.last_trade : Price{});
  for (const Side side : {Side::kBuy, Side::kSell}) {
    const LadderIndex at = S::ladder(book, side);
    out.add(s.ladders.size(at));
    for (LevelId id = s.ladders.best(at); id != 0; id = s.ladders.next_worse(at, s.levels[id].key)) {
      const Level& level = s.levels[id];
      out.add(price_of(side, level.key));
      out.add(level.quantity);
      out.add(level.orders);
      if constexpr (S::kKeepsOrders) {
        for (NodeId node = level.head; node != 0; node = s.queue.node(node).next) {
          const auto& details = s.queue.details(node);
          out.add(details.id);
          out.add(static_cast<std::uint64_t>(details.time_ns));
          out.add(s.queue.node(node).quantity);
          out.add(details.reserve);
          out.add(details.display);
          out.add(std::uint64_t{details.owner} << 32 | details.flags);
        }
      }
    }
  }
  if constexpr (S::kKeepsOrders) {
    for (const Side side : {Side::kBuy, Side::kSell}) {
      const LadderIndex at = S::ladder(book, side);
      std::uint64_t count = 0;
      Query(s).for_each_stop(book, side, [&](const OrderView&) { ++count; });
      out.add(count);
      for (LevelId id = s.stops.best(at); id != 0; id = s.stops.next_worse(at, s.levels[id].key)) {
        for (NodeId node = s.levels[id].head; node != 0; node = s.queue.node(node).next) {
          const Order& order = s.stop_terms[static_cast<std::size_t>(s.queue.details(node).reserve)];
          out.add(order.id);
          out.add(static_cast<std::uint64_t>(order.time_ns));
          out.add(order.stop_price);
          out.add(order.price);
          out.add(order.quantity);
          out.add(order.display);
          out.add(std::uint64_t{order.owner} << 32 |
                  std::uint64_t{static_cast<std::uint8_t>(order.type)} << 16 |
                  std::uint64_t{static_cast<std::uint8_t>(order.time_in_force)} << 8 | EntryFlags::of(order));
        }
      }
    }
  } else if constexpr (S::kHasIds) {
    std::vector<OrderId> ids;
    s.ids.for_each([&](OrderId id, const typename S::Record& record) {
      if (s.levels[s.queue.level_of(record)].book() == book) ids.push_back(id);
    });
    std::sort(ids.begin(), ids.end());
    out.add(ids.size());
    for (const OrderId id : ids) {
      const OrderView order = *Query(s).find(id);
      out.add(id);
      out.add(static_cast<std::uint64_t>(order.side));
      out.add(order.price);
      out.add(order.quantity);
    }
  }
  return out.finish();
}

// A snapshot read and checked, and not yet part of any book.
template <class S>
class SnapshotReader {
 public:
  SnapshotReader(S& store, BookNumber book) noexcept : s_(store), book_(book) {}

  [[nodiscard]] SnapshotError read(std::span<const std::byte> bytes) {
    if (const SnapshotError error = check_frame(bytes); error != SnapshotError::kNone) return error;
    WordReader in(bytes.first(bytes.size() - 8).subspan(16));
    read_state(in);
    for (const Side side : {Side::kBuy, Side::kSell}) read_side(in, side);
    if constexpr (S::kKeepsOrders) {
      for (const Side side : {Side::kBuy, Side::kSell}) read_stops(in, side);
    } else if constexpr (S::kHasIds) {
      read_records(in);
    }
    if (!is_good_ || is_crossed()) return SnapshotError::kBadContent;
    if (!in.is_at_end()) return SnapshotError::kTruncated;
    return check_ids();
  }

  // The book becomes it. read() returned kNone.
  void install() {
    wipe();
    BookState& state = s_.books[book_];
    state = state_;
    for (const LevelItem& item : levels_) {
      const LevelId id = s_.open_level(book_, item.side, key_of(item.side, item.price));
      if constexpr (!S::kKeepsOrders) {
        if (item.orders == 0) s_.levels[id].quantity = item.quantity;
      }
    }
    for (const OrderItem& item : orders_) {
      s_.make_room(item.entry.id);
      const LevelId id = s_.open_level(book_, item.side, key_of(item.side, item.price));
      const typename S::Record record = s_.queue.add(id, s_.levels[id], item.entry);
      *s_.ids.insert(item.entry.id) = record;
      ++state.active_orders;
      if constexpr (S::kWide) state.open_quantity += item.entry.quantity + item.entry.reserve;
    }
    if constexpr (S::kKeepsOrders) {
      for (const Order& order : stops_) {
        s_.make_room(order.id);
        s_.park(book_, order, false);
      }
    }
  }

 private:
  struct LevelItem {
    Side side;
    Price price;
    Quantity quantity;
    OrderCount orders;
  };
  struct OrderItem {
    Side side;
    Price price;
    Entry entry;
  };

  [[nodiscard]] static SnapshotError check_frame(std::span<const std::byte> bytes) {
    if (bytes.size() < 24 || bytes.size() % 8 != 0) return SnapshotError::kTruncated;
    WordReader in(bytes);
    const std::uint64_t magic = in.next();
    if ((magic & 0xFFFFFFFFFFFFull) != kSnapshotMagic) return SnapshotError::kBadMagic;
    if (magic >> 48 != kSnapshotVersion) return SnapshotError::kBadVersion;
    if (in.next() != snapshot_kind<S>()) return SnapshotError::kBadKind;
    Digest digest;
    WordReader all(bytes);
    for (std::size_t i = 0; i + 8 < bytes.size(); i += 8) digest.add(all.next());
    return all.next() == digest.value() ? SnapshotError::kNone : SnapshotError::kBadChecksum;
  }

  void need(bool holds) noexcept { is_good_ = is_good_ && holds; }
  [[nodiscard]] bool is_price(Price price) const noexcept { return s_.is_price(price); }
  void need_policies(std::uint64_t word) noexcept {
    need((word & 7) <= static_cast<std::uint64_t>(SelfTrade::kDecrement) && (word >> 3 & 3) <= 2 &&
         (word & 0xE0) == 0);
  }
  void add_open(Quantity quantity) noexcept {
    if (S::kWide) need(quantity <= std::numeric_limits<Quantity>::max() - open_);
    open_ += quantity;
  }

  void read_state(WordReader& in) noexcept {
    state_.accepted_orders = in.next();
    state_.trades = in.next();
    state_.traded_quantity = in.next();
    state_.cancels = in.next();
    state_.rejects = in.next();
    state_.triggered_stops = in.next();
    state_.crossed_events = in.next();
    const std::uint64_t flags = in.next();
    need(flags <= 3);
    state_.has_last_trade = (flags & 1) != 0;
    state_.was_crossed = (flags & 2) != 0;
    state_.last_trade = in.price();
    need(state_.has_last_trade || state_.last_trade == Price{});
  }

  void read_side(WordReader& in, Side side) {
    const std::size_t count = in.count(3);
    for (std::size_t i = 0; i < count && !in.is_over(); ++i) {
      LevelItem item{side, in.price(), in.next(), 0};
      const std::uint64_t orders = in.next();
      need(orders <= std::numeric_limits<OrderCount>::max() && item.quantity != 0 && is_price(item.price));
      need(!S::kKeepsOrders || orders != 0);
      need(S::kHasIds || orders == 0);  // nothing in the snapshot could back a count
      need(i == 0 || key_of(side, item.price) < key_of(side, levels_.back().price));
      item.orders = static_cast<OrderCount>(orders);
      if (i == 0) best_[static_cast<std::size_t>(side)] = levels_.size() + 1;
      levels_.push_back(item);
      if constexpr (S::kKeepsOrders) read_queue(in, levels_.back());
    }
  }

  void read_queue(WordReader& in, const LevelItem& level) {
    Quantity left = level.quantity;
    for (std::uint64_t i = 0; i < level.orders && !in.is_over() && is_good_; ++i) {
      Entry entry;
      entry.id = in.next();
      entry.time_ns = static_cast<TimestampNs>(in.next());
      entry.quantity = in.next();
      entry.reserve = in.next();
      entry.display = in.next();
      const std::uint64_t word = in.next();
      entry.owner = static_cast<OwnerId>(word >> 32);
      entry.flags = static_cast<std::uint32_t>(word);
      need((word & 0xFFFFFF00) == 0);
      need_policies(word & 0xFF);
      need(entry.quantity != 0 && entry.quantity <= left && entry.quantity <= S::kMaxQuantity);
      need(entry.reserve <= S::kMaxQuantity - std::min(entry.quantity, S::kMaxQuantity));
      need(entry.display <= S::kMaxQuantity);
      need(entry.display != 0 ? entry.quantity <= entry.display &&
                                    (entry.quantity + entry.reserve - 1) / entry.display < kMaxIcebergSlices
                              : entry.reserve == 0);
      if (!is_good_) return;
      left -= entry.quantity;
      add_open(entry.quantity + entry.reserve);
      orders_.push_back(OrderItem{level.side, level.price, entry});
    }
    need(left == 0);
  }

  void read_stops(WordReader& in, Side side) {
    const std::size_t count = in.count(7);
    LevelKey previous = std::numeric_limits<LevelKey>::max();
    for (std::size_t i = 0; i < count && !in.is_over(); ++i) {
      Order order;
      order.side = side;
      order.id = in.next();
      order.time_ns = static_cast<TimestampNs>(in.next());
      order.stop_price = in.price();
      order.price = in.price();
      order.quantity = in.next();
      order.display = in.next();
      const std::uint64_t word = in.next();
      order.owner = static_cast<OwnerId>(word >> 32);
      const std::uint64_t type = word >> 16 & 0xFFFF;
      const std::uint64_t time_in_force = word >> 8 & 0xFF;
      need(type == 2 || type == 3);
      need(time_in_force <= 2);
      need_policies(word & 0xFF);
      need((word >> 3 & 3) == 0);
      if (!is_good_) return;
      order.type = static_cast<OrderType>(type);
      order.time_in_force = static_cast<TimeInForce>(time_in_force);
      order.self_trade = static_cast<SelfTrade>(word & 7);
      const bool is_limit = order.type == OrderType::kStopLimit;
      need(order.quantity != 0 && order.quantity <= S::kMaxQuantity);
      need(order.display == 0 || (is_limit && time_in_force == 0 && order.display <= order.quantity &&
                                  (order.quantity - 1) / order.display < kMaxIcebergSlices));
      need(is_price(order.stop_price) && (!is_limit || is_price(order.price)));
      const LevelKey key = S::stop_key(side, order.stop_price);
      need(key <= previous);
      need(!state_.has_last_trade || key < S::stop_key(side, state_.last_trade));
      previous = key;
      add_open(order.quantity);
      stops_.push_back(order);
    }
  }

  // The levels' sums must be those of their orders.
  void read_records(WordReader& in) {
    struct Sum {
      Quantity quantity = 0;
      std::uint64_t orders = 0;
    };
    std::vector<Sum> sums(levels_.size());
    const auto level_of = [&](Side side, Price price) {
      const auto first = levels_.begin() + static_cast<std::ptrdiff_t>(bids());
      const auto begin = side == Side::kBuy ? levels_.begin() : first;
      const auto end = side == Side::kBuy ? first : levels_.end();
      const auto at = std::lower_bound(
          begin, end, key_of(side, price),
          [&](const LevelItem& item, LevelKey key) { return key_of(side, item.price) > key; });
      return at != end && at->price == price ? static_cast<std::size_t>(at - levels_.begin())
                                             : levels_.size();
    };
    const std::size_t count = in.count(4);
    for (std::size_t i = 0; i < count && is_good_; ++i) {
      OrderItem item{};
      item.entry.id = in.next();
      const std::uint64_t side = in.next();
      item.price = in.price();
      item.entry.quantity = in.next();
      need(side <= 1 && (i == 0 || item.entry.id > orders_.back().entry.id));
      need(item.entry.quantity != 0 && item.entry.quantity <= S::kMaxQuantity);
      if (!is_good_) return;
      item.side = static_cast<Side>(side);
      const std::size_t level = level_of(item.side, item.price);
      need(level < levels_.size());
      if (!is_good_) return;
      need(item.entry.quantity <= levels_[level].quantity - sums[level].quantity);
      sums[level].quantity += item.entry.quantity;
      ++sums[level].orders;
      add_open(item.entry.quantity);
      orders_.push_back(item);
    }
    for (std::size_t i = 0; i < levels_.size() && is_good_; ++i) {
      need(levels_[i].orders == sums[i].orders &&
           (sums[i].orders == 0 || levels_[i].quantity == sums[i].quantity));
    }
  }

  [[nodiscard]] std::size_t bids() const noexcept { return best_[1] != 0 ? best_[1] - 1 : levels_.size(); }

  [[nodiscard]] bool is_crossed() const noexcept {
    if (state_.was_crossed || best_[0] == 0 || best_[1] == 0) return false;
    return levels_[best_[0] - 1].price >= levels_[best_[1] - 1].price;
  }

  [[nodiscard]] SnapshotError check_ids() const {
    std::vector<OrderId> ids;
    ids.reserve(orders_.size() + stops_.size());
    for (const OrderItem& item : orders_) ids.push_back(item.entry.id);
    for (const Order& order : stops_) ids.push_back(order.id);
    std::sort(ids.begin(), ids.end());
    if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) return SnapshotError::kDuplicateId;
    for (const OrderId id : ids) {
      if (!s_.ids.admits(id)) return SnapshotError::kTooLarge;
      const auto found = Query(s_).find(id);
      if (found.has_value() && found->book != book_) return SnapshotError::kDuplicateId;
    }
    const std::uint64_t others =
        s_.ids.size() - s_.books[book_].active_orders - s_.books[book_].pending_stops;
    if (S::kHasIds && others + ids.size() > s_.options.max_orders) return SnapshotError::kTooLarge;
    return SnapshotError::kNone;
  }

  // Everything leaves, and no listener hears of it.
  void wipe() noexcept {
    if constexpr (!S::kKeepsOrders) {
      std::vector<OrderId> gone;
      s_.ids.for_each([&](OrderId id, const typename S::Record& record) {
        if (s_.levels[s_.queue.level_of(record)].book() == book_) gone.push_back(id);
      });
      for (const OrderId id : gone) s_.ids.erase(id, s_.ids.find(id));
    }
    for (const Side side : {Side::kBuy, Side::kSell}) {
      const LadderIndex at = S::ladder(book_, side);
      for (LevelId id = s_.ladders.best(at); id != 0; id = s_.ladders.best(at)) {
        if constexpr (S::kKeepsOrders) drain(id);
        s_.drop(id, s_.levels[id]);
      }
      if constexpr (S::kKeepsOrders) {
        for (LevelId id = s_.stops.best(at); id != 0; id = s_.stops.best(at)) {
          while (s_.levels[id].orders > 1) unpark_front(id);
          unpark_front(id);
        }
      }
    }
  }

  void drain(LevelId id) noexcept {
    Level& level = s_.levels[id];
    while (level.orders != 0) {
      const NodeId node = level.head;
      const OrderId order = s_.queue.details(node).id;
      s_.queue.remove({node}, level);
      s_.ids.erase(order, s_.ids.find(order));
    }
  }

  void unpark_front(LevelId id) {
    const OrderId order = s_.queue.details(s_.levels[id].head).id;
    s_.unpark(order, s_.ids.find(order));
  }

  S& s_;
  BookNumber book_;
  BookState state_;
  std::vector<LevelItem> levels_;
  std::vector<OrderItem> orders_;
  std::vector<Order> stops_;
  std::size_t best_[2] = {0, 0};  // 1 + index of a side's best level; 0: none
  Quantity open_ = 0;
  bool is_good_ = true;
};

template <class S>
[[nodiscard]] SnapshotError restore_snapshot(S& store, BookNumber book, std::span<const std::byte> bytes) {
  SnapshotReader<S> reader(store, book);
  const SnapshotError error = reader.read(bytes);
  if (error == SnapshotError::kNone) reader.install();
  return error;
}

}  // namespace orderbook::detail

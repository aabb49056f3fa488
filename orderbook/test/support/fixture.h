// A recording book and short names for the unit tests. Every command is followed by check_invariants().
#pragma once

#include <catch2/catch.hpp>
#include <vector>

#include "orderbook/orderbook.h"

namespace support {

using namespace orderbook;

struct Recorder : NullListener {
  std::vector<Trade> trades;
  std::vector<OrderCancelled> cancels;
  std::vector<OrderReduced> reductions;
  std::vector<OrderRejected> rejects;
  std::vector<OrderId> accepted;
  std::vector<OrderId> triggered;
  void on_accept(const OrderView& view) { accepted.push_back(view.id); }
  void on_trade(const Trade& trade) { trades.push_back(trade); }
  void on_cancel(const OrderCancelled& cancelled) { cancels.push_back(cancelled); }
  void on_reduce(const OrderReduced& reduced) { reductions.push_back(reduced); }
  void on_trigger(const StopTriggered& stop) { triggered.push_back(stop.id); }
  void on_reject(const OrderRejected& rejected) { rejects.push_back(rejected); }
};

struct Fixture {
  BasicOrderBook<Recorder> book;

  explicit Fixture(const BookOptions& options = {}) : book(options) {}

  Result<Execution> add(const Order& order) {
    const auto done = book.add_order(order);
    CHECK(book.check_invariants() == "");
    return done;
  }
  Result<Execution> buy(OrderId id, std::int64_t price, Quantity quantity) {
    return add(limit_order(id, Side::kBuy, Price{price}, quantity));
  }
  Result<Execution> sell(OrderId id, std::int64_t price, Quantity quantity) {
    return add(limit_order(id, Side::kSell, Price{price}, quantity));
  }
  Result<Execution> modify(OrderId id, std::int64_t price, Quantity quantity) {
    const auto done = book.modify_order(id, Price{price}, quantity);
    CHECK(book.check_invariants() == "");
    return done;
  }
  std::vector<OrderId> queue(Side side) const {
    std::vector<OrderId> ids;
    book.for_each_order(side, [&](const OrderView& order) { ids.push_back(order.id); });
    return ids;
  }
  std::vector<OrderId> makers() const {
    std::vector<OrderId> ids;
    for (const Trade& trade : recorder().trades) ids.push_back(trade.maker_id);
    return ids;
  }
  const Recorder& recorder() const { return book.listener(); }

  // A refused command must leave no trace but its count.
  template <class Command>
  void refused(Reject why, Command&& command) {
    const auto checksum = book.checksum();
    const auto stats = book.stats();
    const auto told = recorder().trades.size() + recorder().cancels.size() + recorder().accepted.size();
    const auto result = command();
    CHECK(result.reject() == why);
    CHECK(book.checksum() == checksum);
    CHECK(book.stats().rejects == stats.rejects + 1);
    CHECK(book.stats().accepted_orders == stats.accepted_orders);
    CHECK(recorder().rejects.back().reason == why);
    CHECK(told == recorder().trades.size() + recorder().cancels.size() + recorder().accepted.size());
    CHECK(book.check_invariants() == "");
  }
};

using Ids = std::vector<OrderId>;

}  // namespace support

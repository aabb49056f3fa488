#include "flowstate/book/matching_book.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "book/command_listener.h"
#include "flowstate/error.h"
#include "orderbook/orderbook.h"

namespace flowstate::book {

namespace {

using orderbook::Execution;
using orderbook::Order;
using orderbook::Price;
using orderbook::Reject;
using orderbook::Result;
using orderbook::Side;

template <typename T>
void check_length(std::span<const T> column, std::size_t rows, const char* name) {
  if (!column.empty() && column.size() != rows) {
    throw Error(ErrorCode::LENGTH, std::string("commands.") + name + " must have " + std::to_string(rows) +
                                       " rows, got " + std::to_string(column.size()));
  }
}

void check_enum(std::span<const std::uint8_t> column, std::uint8_t most, const char* name) {
  // A maximum first: it vectorises, and only a bad batch pays for finding its row.
  std::uint8_t largest = 0;
  for (const std::uint8_t value : column) largest = std::max(largest, value);
  if (largest <= most) return;
  const auto bad = std::find_if(column.begin(), column.end(), [most](std::uint8_t v) { return v > most; });
  const auto row = bad - column.begin();
  throw Error(ErrorCode::ARG_RANGE,
              std::string("commands.") + name + " must be 0 to " + std::to_string(most) + ", got " +
                  std::to_string(*bad) + " in row " + std::to_string(row),
              {{"row", row}});
}

void check_columns(const CommandColumns& c) {
  if (c.rows > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorCode::ARG_RANGE, "commands must have fewer than 2^32 rows");
  }
  if (c.rows != 0 && (c.kind.empty() || c.id.empty())) {
    throw Error(ErrorCode::LENGTH, "commands.kind and commands.id must be there");
  }
  check_length(c.kind, c.rows, "kind");
  check_length(c.id, c.rows, "id");
  check_length(c.new_id, c.rows, "newId");
  check_length(c.side, c.rows, "side");
  check_length(c.price, c.rows, "price");
  check_length(c.quantity, c.rows, "quantity");
  check_length(c.type, c.rows, "type");
  check_length(c.time_in_force, c.rows, "timeInForce");
  check_length(c.post_only, c.rows, "postOnly");
  check_length(c.self_trade, c.rows, "selfTrade");
  check_length(c.stop_price, c.rows, "stopPrice");
  check_length(c.display, c.rows, "display");
  check_length(c.owner, c.rows, "owner");
  check_length(c.time_ns, c.rows, "time");
  check_enum(c.kind, static_cast<std::uint8_t>(CommandKind::kReplace), "kind");
  check_enum(c.side, 1, "side");
  check_enum(c.type, static_cast<std::uint8_t>(orderbook::OrderType::kStopLimit), "type");
  check_enum(c.time_in_force, static_cast<std::uint8_t>(orderbook::TimeInForce::kFillOrKill), "timeInForce");
  check_enum(c.post_only, static_cast<std::uint8_t>(orderbook::PostOnly::kSlide), "postOnly");
  check_enum(c.self_trade, static_cast<std::uint8_t>(orderbook::SelfTrade::kDecrement), "selfTrade");
}

template <typename T>
[[nodiscard]] T at(std::span<const T> column, std::size_t row) noexcept {
  return column.empty() ? T{} : column[row];
}

// One column of results out of records.
template <typename T, typename Records, typename Get>
Buffer column_of(const Records& records, Get get) {
  Buffer buffer(records.size() * sizeof(T));
  T* out = buffer.template as<T>();
  for (const auto& record : records) *out++ = static_cast<T>(get(record));
  return buffer;
}

template <class Core>
class BookOf final : public MatchingBook {
 public:
  explicit BookOf(const BookConfig& config) : core_(config.options) {
    core_.listener().records_deltas = config.records_deltas;
  }

  CommandResults apply(const CommandColumns& commands) override {
    check_columns(commands);
    CommandResults results;
    results.rows = commands.rows;
    results.status = Buffer(commands.rows);
    results.state = Buffer(commands.rows);
    results.filled = Buffer(commands.rows * 8);
    results.resting = Buffer(commands.rows * 8);
    results.cancelled = Buffer(commands.rows * 8);
    core_.listener().begin();
    const bool is_plain = commands.type.empty() && commands.time_in_force.empty() &&
                          commands.post_only.empty() && commands.self_trade.empty() &&
                          commands.stop_price.empty() && commands.display.empty() && commands.owner.empty();
    if (is_plain) {
      run<true>(commands, results);
    } else {
      run<false>(commands, results);
    }
    take_events(results);
    return results;
  }

  std::uint64_t mass_cancel(std::optional<orderbook::OwnerId> owner, std::optional<Side> side) override {
    return core_.mass_cancel(owner, side);
  }

  std::size_t depth(Side side, std::span<orderbook::DepthLevel> out) const override {
    return core_.depth(side, out);
  }
  std::vector<orderbook::OrderView> orders(Side side, bool stops) const override {
    std::vector<orderbook::OrderView> views;
    const auto keep = [&views](const orderbook::OrderView& view) { views.push_back(view); };
    if (stops) {
      core_.for_each_stop(side, keep);
    } else {
      core_.for_each_order(side, keep);
    }
    return views;
  }
  std::optional<orderbook::OrderView> find(orderbook::OrderId id) const override { return core_.find(id); }
  std::optional<orderbook::QueuePosition> queue_position(orderbook::OrderId id) const override {
    return core_.queue_position(id);
  }
  orderbook::BookStats stats() const override { return core_.stats(); }
  std::optional<Price> last_trade_price() const override { return core_.last_trade_price(); }
  std::uint64_t checksum(bool levels_only) const override {
    return levels_only ? core_.level_checksum() : core_.checksum();
  }
  std::size_t memory_bytes() const override { return core_.memory_bytes(); }
  std::vector<std::byte> snapshot() const override { return core_.snapshot(); }
  void restore(std::span<const std::byte> bytes) override {
    const orderbook::SnapshotError error = core_.restore(bytes);
    if (error != orderbook::SnapshotError::kNone) {
      throw Error(ErrorCode::CORRUPT,
                  "expected a snapshot of such a book, found: " + std::string(to_string(error)));
    }
  }
  std::vector<orderbook::LevelDelta> take_deltas() override {
    orderbook::DeltaRecorder& recorder = core_.listener().deltas;
    std::vector<orderbook::LevelDelta> deltas(recorder.deltas().begin(), recorder.deltas().end());
    recorder.clear();
    return deltas;
  }

 private:
  // Rows between asking for a slot and using it: some 10 ns each, against 100 ns of memory.
  static constexpr std::size_t kPrefetchAhead = 12;

  template <bool kPlain>
  void run(const CommandColumns& c, CommandResults& results) {
    std::uint8_t* status = results.status.data();
    std::uint8_t* state = results.state.data();
    auto* filled = results.filled.template as<std::uint64_t>();
    auto* resting = results.resting.template as<std::uint64_t>();
    auto* cancelled = results.cancelled.template as<std::uint64_t>();
    CommandListener& listener = core_.listener();
    for (std::size_t i = 0; i < c.rows; ++i) {
      listener.row = static_cast<std::uint32_t>(i);
      // What a batch knows and a single command does not: whose slot comes next. Most of a hashed look-up is the miss.
      if (c.rows - i > kPrefetchAhead) core_.store_of_book().ids.prefetch(c.id[i + kPrefetchAhead]);
      Reject reject = Reject::kNone;
      Execution done;
      const auto take = [&](const Result<Execution>& result) {
        reject = result.reject();
        if (result.ok()) done = *result;
      };
      switch (static_cast<CommandKind>(c.kind[i])) {
        case CommandKind::kAdd:
          take(core_.add_order(order_of<kPlain>(c, i)));
          break;
        case CommandKind::kCancel: {
          const Result<orderbook::Quantity> result = core_.cancel_order(c.id[i]);
          reject = result.reject();
          if (result.ok()) {
            done.cancelled = *result;
            done.state = orderbook::OrderState::kCancelled;
          }
          break;
        }
        case CommandKind::kModify:
          take(core_.modify_order(c.id[i], Price{at(c.price, i)}, at(c.quantity, i), at(c.time_ns, i)));
          break;
        case CommandKind::kReplace:
          take(core_.replace_order(c.id[i], at(c.new_id, i), Price{at(c.price, i)}, at(c.quantity, i),
                                   at(c.time_ns, i)));
          break;
      }
      status[i] = static_cast<std::uint8_t>(reject);
      const bool is_rejected = reject != Reject::kNone;
      results.rejected += is_rejected ? 1 : 0;
      state[i] = is_rejected ? std::uint8_t{0} : static_cast<std::uint8_t>(done.state);
      filled[i] = done.filled;
      resting[i] = done.resting;
      cancelled[i] = done.cancelled;
    }
  }

  template <bool kPlain>
  [[nodiscard]] static Order order_of(const CommandColumns& c, std::size_t i) noexcept {
    Order order;
    order.id = c.id[i];
    order.side = static_cast<Side>(at(c.side, i));
    order.price = Price{at(c.price, i)};
    order.quantity = at(c.quantity, i);
    order.time_ns = at(c.time_ns, i);
    if constexpr (!kPlain) {
      order.type = static_cast<orderbook::OrderType>(at(c.type, i));
      order.time_in_force = static_cast<orderbook::TimeInForce>(at(c.time_in_force, i));
      order.post_only = static_cast<orderbook::PostOnly>(at(c.post_only, i));
      order.self_trade = static_cast<orderbook::SelfTrade>(at(c.self_trade, i));
      order.stop_price = Price{at(c.stop_price, i)};
      order.display = at(c.display, i);
      order.owner = at(c.owner, i);
    }
    return order;
  }

  void take_events(CommandResults& results) {
    const CommandListener& heard = core_.listener();
    results.fills = heard.fills.size();
    results.fill_row = column_of<std::uint32_t>(heard.fills, [](const auto& f) { return f.row; });
    results.fill_maker =
        column_of<std::uint64_t>(heard.fills, [](const auto& f) { return f.trade.maker_id; });
    results.fill_taker =
        column_of<std::uint64_t>(heard.fills, [](const auto& f) { return f.trade.taker_id; });
    results.fill_price =
        column_of<std::int64_t>(heard.fills, [](const auto& f) { return f.trade.price.ticks; });
    results.fill_quantity =
        column_of<std::uint64_t>(heard.fills, [](const auto& f) { return f.trade.quantity; });
    results.fill_taker_side =
        column_of<std::uint8_t>(heard.fills, [](const auto& f) { return f.trade.taker_side; });
    results.removals = heard.removals.size();
    results.removal_row = column_of<std::uint32_t>(heard.removals, [](const auto& r) { return r.row; });
    results.removal_id =
        column_of<std::uint64_t>(heard.removals, [](const auto& r) { return r.cancelled.id; });
    results.removal_quantity =
        column_of<std::uint64_t>(heard.removals, [](const auto& r) { return r.cancelled.quantity; });
    results.removal_reason =
        column_of<std::uint8_t>(heard.removals, [](const auto& r) { return r.cancelled.reason; });
    results.triggers = heard.triggers.size();
    results.trigger_row = column_of<std::uint32_t>(heard.triggers, [](const auto& t) { return t.row; });
    results.trigger_id = column_of<std::uint64_t>(heard.triggers, [](const auto& t) { return t.id; });
  }

  Core core_;
};

}  // namespace

std::unique_ptr<MatchingBook> make_book(const BookConfig& config) {
  switch (config.storage) {
    case BookStorage::kWide:
      return std::make_unique<BookOf<orderbook::BasicWideOrderBook<CommandListener>>>(config);
    case BookStorage::kCompact:
      return std::make_unique<BookOf<orderbook::BasicOrderBook<CommandListener>>>(config);
    case BookStorage::kDense:
      return std::make_unique<BookOf<orderbook::BasicDenseOrderBook<CommandListener>>>(config);
  }
  throw Error(ErrorCode::ARG_RANGE, "storage must be 0, 1 or 2");
}

}  // namespace flowstate::book

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

void check_answers(const AnswerColumns& a, std::size_t rows) {
  for (const std::size_t size :
       {a.status.size(), a.state.size(), a.filled.size(), a.resting.size(), a.cancelled.size()}) {
    if (size != rows) throw Error(ErrorCode::LENGTH, "answers must have a value for every command");
  }
}

// A column to read by row, present or not: a column that is not there is one zero, read in every row. Whether it is
// there is asked once, not in each row.
template <typename T>
class RowReader {
 public:
  explicit RowReader(std::span<const T> column) noexcept
      : values_(column.empty() ? &kZero : column.data()), mask_(column.empty() ? 0 : ~std::size_t{0}) {}
  [[nodiscard]] T operator[](std::size_t row) const noexcept { return values_[row & mask_]; }

 private:
  static constexpr T kZero{};
  const T* values_;
  std::size_t mask_;
};

template <class Core>
class BookOf final : public MatchingBook {
 public:
  explicit BookOf(const BookConfig& config) : core_(config.options) {
    core_.listener().records_deltas = config.records_deltas;
  }

  CommandEvents apply(const CommandColumns& commands, const AnswerColumns& answers) override {
    check_columns(commands);
    check_answers(answers, commands.rows);
    CommandListener& heard = core_.listener();
    heard.begin();
    const bool is_plain = commands.type.empty() && commands.time_in_force.empty() &&
                          commands.post_only.empty() && commands.self_trade.empty() &&
                          commands.stop_price.empty() && commands.display.empty() && commands.owner.empty();
    const std::size_t rejected = is_plain ? run<true>(commands, answers) : run<false>(commands, answers);
    return CommandEvents{rejected, heard.fills, heard.removals, heard.triggers};
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

  // Returns how many were rejected.
  template <bool kPlain>
  std::size_t run(const CommandColumns& columns, const AnswerColumns& answers) {
    const Rows c(columns);
    const std::size_t rows = columns.rows;
    CommandListener& listener = core_.listener();
    std::size_t rejected = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      listener.row = static_cast<std::uint32_t>(i);
      // What a batch knows and a single command does not: whose slot comes next. Most of a hashed look-up is the miss.
      if (rows - i > kPrefetchAhead) core_.store_of_book().ids.prefetch(c.id[i + kPrefetchAhead]);
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
          take(core_.modify_order(c.id[i], Price{c.price[i]}, c.quantity[i], c.time_ns[i]));
          break;
        case CommandKind::kReplace:
          take(core_.replace_order(c.id[i], c.new_id[i], Price{c.price[i]}, c.quantity[i], c.time_ns[i]));
          break;
      }
      // A rejected command's execution is all zeros, and kResting is 0.
      rejected += reject != Reject::kNone ? 1 : 0;
      answers.status[i] = static_cast<std::uint8_t>(reject);
      answers.state[i] = static_cast<std::uint8_t>(done.state);
      answers.filled[i] = done.filled;
      answers.resting[i] = done.resting;
      answers.cancelled[i] = done.cancelled;
    }
    return rejected;
  }

  struct Rows {
    explicit Rows(const CommandColumns& c) noexcept
        : kind(c.kind.data()),
          id(c.id.data()),
          new_id(c.new_id),
          side(c.side),
          price(c.price),
          quantity(c.quantity),
          type(c.type),
          time_in_force(c.time_in_force),
          post_only(c.post_only),
          self_trade(c.self_trade),
          stop_price(c.stop_price),
          display(c.display),
          owner(c.owner),
          time_ns(c.time_ns) {}

    const std::uint8_t* kind;
    const std::uint64_t* id;
    RowReader<std::uint64_t> new_id;
    RowReader<std::uint8_t> side;
    RowReader<std::int64_t> price;
    RowReader<std::uint64_t> quantity;
    RowReader<std::uint8_t> type, time_in_force, post_only, self_trade;
    RowReader<std::int64_t> stop_price;
    RowReader<std::uint64_t> display;
    RowReader<std::uint32_t> owner;
    RowReader<std::int64_t> time_ns;
  };

  template <bool kPlain>
  [[nodiscard]] static Order order_of(const Rows& c, std::size_t i) noexcept {
    Order order;
    order.id = c.id[i];
    order.side = static_cast<Side>(c.side[i]);
    order.price = Price{c.price[i]};
    order.quantity = c.quantity[i];
    order.time_ns = c.time_ns[i];
    if constexpr (!kPlain) {
      order.type = static_cast<orderbook::OrderType>(c.type[i]);
      order.time_in_force = static_cast<orderbook::TimeInForce>(c.time_in_force[i]);
      order.post_only = static_cast<orderbook::PostOnly>(c.post_only[i]);
      order.self_trade = static_cast<orderbook::SelfTrade>(c.self_trade[i]);
      order.stop_price = Price{c.stop_price[i]};
      order.display = c.display[i];
      order.owner = c.owner[i];
    }
    return order;
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

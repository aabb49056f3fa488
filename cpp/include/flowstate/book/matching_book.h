// A matching order book behind one interface, whatever its storage, and batches of commands as columns: what the
// binding needs of orderbook/ without knowing its templates. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "orderbook/level_delta.h"
#include "orderbook/listener.h"
#include "orderbook/options.h"
#include "orderbook/order.h"
#include "orderbook/views.h"

namespace flowstate::book {

enum class BookStorage : std::uint8_t {
  kWide = 0,     // any ids, quantities of 64 bits
  kCompact = 1,  // any ids, quantities of 32 bits: less memory
  kDense =
      2,  // ids counted up from a small number, quantities of 32 bits: one load instead of a hash look-up
};

struct BookConfig {
  BookStorage storage = BookStorage::kWide;
  orderbook::BookOptions options;
  bool records_deltas = false;
};

enum class CommandKind : std::uint8_t { kAdd = 0, kCancel = 1, kModify = 2, kReplace = 3 };

// A row is a command. An empty span means 0 in every row; the others hold `rows` values.
struct CommandColumns {
  std::size_t rows = 0;
  std::span<const std::uint8_t> kind;
  std::span<const std::uint64_t> id;
  std::span<const std::uint64_t> new_id;  // replace
  std::span<const std::uint8_t> side;
  std::span<const std::int64_t> price;
  std::span<const std::uint64_t> quantity;
  std::span<const std::uint8_t> type;
  std::span<const std::uint8_t> time_in_force;
  std::span<const std::uint8_t> post_only;
  std::span<const std::uint8_t> self_trade;
  std::span<const std::int64_t> stop_price;
  std::span<const std::uint64_t> display;
  std::span<const std::uint32_t> owner;
  std::span<const std::int64_t> time_ns;
};

// Where the answers go: memory of the caller's, with a value for every row in each. All of it is written.
struct AnswerColumns {
  std::span<std::uint8_t> status;  // orderbook::Reject
  std::span<std::uint8_t> state;   // orderbook::OrderState, 0 where rejected
  std::span<std::uint64_t> filled;
  std::span<std::uint64_t> resting;
  std::span<std::uint64_t> cancelled;
};

struct CommandFill {
  orderbook::Trade trade;
  std::uint32_t row;
};
struct CommandRemoval {
  orderbook::OrderCancelled cancelled;
  std::uint32_t row;
};
struct CommandTrigger {
  orderbook::OrderId id;
  std::uint32_t row;
};

// What the commands caused, in order: valid until the next apply. `row` is the command's; a triggered stop's fills carry
// the row of the command that triggered it.
struct CommandEvents {
  std::size_t rejected = 0;
  std::span<const CommandFill> fills;
  // Orders that left other than by trades and by the command's own request, and stops that became orders.
  std::span<const CommandRemoval> removals;
  std::span<const CommandTrigger> triggers;

  [[nodiscard]] bool any() const noexcept { return !fills.empty() || !removals.empty() || !triggers.empty(); }
};

class MatchingBook {
 public:
  virtual ~MatchingBook() = default;

  // In order; a refused command changes nothing and the next one goes on. O(rows + fills). Throws Error LENGTH for
  // columns of another length and ARG_RANGE for a number that no enumeration has, both before anything changes.
  virtual CommandEvents apply(const CommandColumns& commands, const AnswerColumns& answers) = 0;
  virtual std::uint64_t mass_cancel(std::optional<orderbook::OwnerId> owner,
                                    std::optional<orderbook::Side> side) = 0;

  virtual std::size_t depth(orderbook::Side side, std::span<orderbook::DepthLevel> out) const = 0;
  // Priority order; of stops the order in which they would trigger.
  virtual std::vector<orderbook::OrderView> orders(orderbook::Side side, bool stops) const = 0;
  virtual std::optional<orderbook::OrderView> find(orderbook::OrderId id) const = 0;
  virtual std::optional<orderbook::QueuePosition> queue_position(orderbook::OrderId id) const = 0;
  virtual orderbook::BookStats stats() const = 0;
  virtual std::optional<orderbook::Price> last_trade_price() const = 0;
  virtual std::uint64_t checksum(bool levels_only) const = 0;
  virtual std::size_t memory_bytes() const = 0;
  virtual std::vector<std::byte> snapshot() const = 0;
  // Throws Error CORRUPT, having changed nothing.
  virtual void restore(std::span<const std::byte> bytes) = 0;
  // Since the last call; none where they are not recorded.
  virtual std::vector<orderbook::LevelDelta> take_deltas() = 0;
};

// Throws Error ARG_RANGE, and std::bad_alloc.
std::unique_ptr<MatchingBook> make_book(const BookConfig& config);

}  // namespace flowstate::book

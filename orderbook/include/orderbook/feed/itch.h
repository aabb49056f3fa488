// Nasdaq TotalView-ITCH 5.0, as files carry it: each message behind a two-byte big-endian length.
//
// Time is nanoseconds since midnight (New York); `midnight_ns` makes it an epoch time. Prices are in units of 0.0001.
// The instrument is the stock locate; symbols come from the R messages. A file has no sequence numbers: `sequence` is the
// message's number, from 1, and a hole can only be seen by the book (an unknown order).
//
//   A F  kAdd                    E  kExecute, without price and side: those of the resting order
//   X    kReduce, without side   C  kExecute at the message's price; kReduce where it is marked as not printable,
//   D    kDelete, without side      because the volume is then told by a later trade message
//   U    kReplace                P  kTrade against hidden liquidity, side as the message says
//   H Y S  kStatus (feed_status) Q  kTrade of a cross, no side, price the cross price; nothing where no share crossed
// Each of them is a group of its own. R makes no event. Other types of the specification are skipped and counted, unknown
// ones too. A length that contradicts its type is an error.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orderbook/feed/detail/bytes.h"
#include "orderbook/feed/detail/number.h"
#include "orderbook/feed/detail/reader_base.h"
#include "orderbook/feed/status.h"

namespace orderbook {

struct ItchOptions {
  std::int64_t tick =
      1;  // in units of 0.0001; 100 is a cent, which trades at midpoints and sub-dollar stocks are not
  TimestampNs midnight_ns = 0;
  std::vector<std::string>
      symbols;  // only these, as the R messages name them; all when empty. Trimmed of blanks.
};

class ItchReader : public FeedReaderBase {
 public:
  explicit ItchReader(ItchOptions options = {})
      : FeedReaderBase(options.tick, OnGap::kReport), options_(std::move(options)) {}

  [[nodiscard]] PriceScale price_scale() const noexcept { return {tick_.divisor(), 10'000}; }

  // The symbol of a stock locate, empty before its R message.
  [[nodiscard]] std::string_view symbol(InstrumentId locate) const noexcept {
    if (locate >= symbols_.size()) return {};
    const auto& name = symbols_[locate];
    std::size_t length = name.size();
    while (length > 0 && (name[length - 1] == ' ' || name[length - 1] == '\0')) --length;
    return {name.data(), length};
  }

  [[nodiscard]] std::size_t next(std::span<Event> out) {
    using feed_detail::load_be;
    std::size_t made = 0;
    while (made < out.size() && !error_) {
      const std::byte* head = in_.peek(2);
      if (head == nullptr) break;
      const std::size_t length = load_be<std::uint16_t>(head);
      const std::byte* framed = in_.peek(2 + length);
      if (framed == nullptr) break;
      made += decode(framed + 2, length, out[made]);
      if (!error_) consumed(2 + length);
    }
    if (made < out.size() && is_finished_ && !error_ && in_.pending() != 0) {
      fail(FeedErrorCode::kTruncated,
           "input ends " + std::to_string(in_.pending()) + " bytes into a message");
    }
    stats_.events += made;
    return made;
  }

 private:
  static constexpr std::array<std::uint8_t, 128> kLengths = [] {
    std::array<std::uint8_t, 128> lengths{};
    lengths['S'] = 12, lengths['R'] = 39, lengths['H'] = 25, lengths['Y'] = 20, lengths['L'] = 26;
    lengths['V'] = 35, lengths['W'] = 12, lengths['K'] = 28, lengths['J'] = 35, lengths['h'] = 21;
    lengths['A'] = 36, lengths['F'] = 40, lengths['E'] = 31, lengths['C'] = 36, lengths['X'] = 23;
    lengths['D'] = 19, lengths['U'] = 35, lengths['P'] = 44, lengths['Q'] = 40, lengths['B'] = 19;
    lengths['I'] = 50, lengths['N'] = 20, lengths['O'] = 48;
    return lengths;
  }();

  // How many events the message makes: one or none.
  std::size_t decode(const std::byte* message, std::size_t length, Event& event) {
    using feed_detail::load_be;
    using feed_detail::load_char;
    if (length == 0) {  // the end-of-session mark of Nasdaq's files
      ++stats_.skipped;
      return 0;
    }
    const auto type = static_cast<unsigned char>(load_char(message));
    const std::size_t expected = type < kLengths.size() ? kLengths[type] : 0;
    if (expected == 0) {
      ++stats_.unknown;
      return 0;
    }
    if (expected != length) {
      fail(FeedErrorCode::kBadLength, std::string("message ") + static_cast<char>(type) + " has " +
                                          std::to_string(expected) + " bytes, found " +
                                          std::to_string(length));
      return 0;
    }
    const auto locate = load_be<std::uint16_t>(message + 1);
    const auto since_midnight = static_cast<TimestampNs>(feed_detail::load_be48(message + 5));
    event = Event{};
    if (!feed_detail::checked_add(options_.midnight_ns, since_midnight, event.time_ns)) {
      fail(FeedErrorCode::kOverflow, "time since midnight and midnight_ns exceed int64");
      return 0;
    }
    note_time(event.time_ns);
    event.sequence = stats_.messages + 1;
    event.instrument = locate;
    event.flags = kEventEndOfGroup;
    if (type == 'R') {
      note_symbol(locate, message + 11);
      ++stats_.skipped;
      return 0;
    }
    if (!is_wanted(locate)) {
      ++stats_.skipped;
      return 0;
    }
    const std::byte* body = message + 11;
    switch (type) {
      case 'A':
      case 'F': {
        event.kind = EventKind::kAdd;
        event.order_id = load_be<std::uint64_t>(body);
        event.quantity = load_be<std::uint32_t>(body + 9);
        return read_side(load_char(body + 8), event.side) && read_price(body + 21, event.price);
      }
      case 'E':
        event.kind = EventKind::kExecute;
        event.order_id = load_be<std::uint64_t>(body);
        event.quantity = load_be<std::uint32_t>(body + 8);
        event.flags |= kEventNoSide | kEventNoPrice;
        return 1;
      case 'C': {
        event.order_id = load_be<std::uint64_t>(body);
        event.quantity = load_be<std::uint32_t>(body + 8);
        event.flags |= kEventNoSide;
        const char printable = load_char(body + 20);
        if (printable != 'Y' && printable != 'N') return bad_char("printable", "Y or N", printable);
        event.kind = printable == 'Y' ? EventKind::kExecute : EventKind::kReduce;
        return read_price(body + 21, event.price);
      }
      case 'X':
        event.kind = EventKind::kReduce;
        event.order_id = load_be<std::uint64_t>(body);
        event.quantity = load_be<std::uint32_t>(body + 8);
        event.flags |= kEventNoSide | kEventNoPrice;
        return 1;
      case 'D':
        event.kind = EventKind::kDelete;
        event.order_id = load_be<std::uint64_t>(body);
        event.flags |= kEventNoSide | kEventNoPrice;
        return 1;
      case 'U':
        event.kind = EventKind::kReplace;
        event.order_id = load_be<std::uint64_t>(body);
        event.new_order_id = load_be<std::uint64_t>(body + 8);
        event.quantity = load_be<std::uint32_t>(body + 16);
        event.flags |= kEventNoSide;
        return read_price(body + 20, event.price);
      case 'P':
        event.kind = EventKind::kTrade;
        event.order_id = load_be<std::uint64_t>(body);
        event.quantity = load_be<std::uint32_t>(body + 9);
        return read_side(load_char(body + 8), event.side) && read_price(body + 21, event.price);
      case 'Q':
        event.kind = EventKind::kTrade;
        event.quantity = load_be<std::uint64_t>(body);
        event.flags |= kEventNoSide;
        if (event.quantity == 0) {  // a cross in which nothing traded
          ++stats_.skipped;
          return 0;
        }
        return read_price(body + 16, event.price);
      case 'H':
        return read_trading_state(load_char(body + 8), event);
      case 'Y':
        set_status(event, FeedStatus::kShortSaleRestriction, load_char(body + 8));
        return 1;
      case 'S':
        set_status(event, FeedStatus::kSystem, load_char(body));
        return 1;
      default:
        ++stats_.skipped;
        return 0;
    }
  }

  std::size_t read_trading_state(char state, Event& event) {
    switch (state) {
      case 'T':
        set_status(event, FeedStatus::kTrading, state);
        return 1;
      case 'H':
        set_status(event, FeedStatus::kHalted, state);
        return 1;
      case 'P':
        set_status(event, FeedStatus::kPaused, state);
        return 1;
      case 'Q':
        set_status(event, FeedStatus::kQuoting, state);
        return 1;
      default:
        return bad_char("trading state", "T, H, P or Q", state);
    }
  }

  bool read_side(char code, Side& side) {
    side = code == 'S' ? Side::kSell : Side::kBuy;
    return code == 'B' || code == 'S' || bad_char("side", "B or S", code) != 0;
  }

  bool read_price(const std::byte* bytes, Price& price) {
    return to_ticks(static_cast<std::int64_t>(feed_detail::load_be<std::uint32_t>(bytes)), price);
  }

  std::size_t bad_char(const char* field, const char* expected, char found) {
    fail(FeedErrorCode::kBadField, std::string(field) + " must be " + expected + ", found byte " +
                                       std::to_string(static_cast<unsigned char>(found)));
    return 0;
  }

  void note_symbol(std::uint16_t locate, const std::byte* name) {
    if (locate >= symbols_.size()) symbols_.resize(std::size_t{locate} + 1);
    for (std::size_t i = 0; i < 8; ++i) symbols_[locate][i] = feed_detail::load_char(name + i);
    if (options_.symbols.empty()) return;
    if (wanted_.size() < symbols_.size()) wanted_.resize(symbols_.size());
    wanted_[locate] = false;
    for (const std::string& wanted : options_.symbols) {
      if (symbol(locate) == wanted) wanted_[locate] = true;
    }
  }

  // Messages about the whole market (locate 0) always are.
  [[nodiscard]] bool is_wanted(std::uint16_t locate) const noexcept {
    return options_.symbols.empty() || locate == 0 || (locate < wanted_.size() && wanted_[locate]);
  }

  ItchOptions options_;
  std::vector<std::array<char, 8>> symbols_;  // by locate: at most 65,536
  std::vector<bool> wanted_;
};

}  // namespace orderbook

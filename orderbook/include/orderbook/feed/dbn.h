// Databento DBN, uncompressed, market by order: versions 1 to 3 (the MBO record is the same in all three).
//
// Time is ts_recv, when the capture server had the message: it ascends, and nothing was known before it. `time` may ask
// for ts_event instead, which may run backwards. Prices are in units of 1e-9. The sequence is the venue's.
//
//   A  kAdd      C  kReduce by the size that leaves; the order goes at zero
//   M  kModify   R  kClear
//   T  kTrade: side is that of the resting order, so the opposite of the record's, which is the aggressor's
//   F  skipped and counted by default, because T tells the same volume and C or M take it off the book;
//      `fills` makes it a kTrade with the resting order's id and side
//   N  skipped
// The LAST flag becomes kEventEndOfGroup, SNAPSHOT becomes kEventSnapshot. Records of other types are skipped. An undefined
// price (int64 max) or side is an error where the book needs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orderbook/feed/detail/bytes.h"
#include "orderbook/feed/detail/dbn_metadata.h"
#include "orderbook/feed/detail/reader_base.h"

namespace orderbook {

struct DbnOptions {
  enum class Time : std::uint8_t { kReceive, kEvent };
  enum class Sequences : std::uint8_t {
    kAny,    // an instrument's share of a channel: holes are other instruments' messages
    kDense,  // a whole channel: a live record's sequence is its predecessor's or the next one
  };

  std::int64_t tick = 1;  // in units of 1e-9; 250'000'000 is the 0.25 of ES
  Time time = Time::kReceive;
  Sequences sequences = Sequences::kAny;
  OnGap on_gap = OnGap::kReport;
  bool fills = false;
  std::size_t max_metadata_bytes = std::size_t{64} << 20;
};

class DbnReader : public FeedReaderBase {
 public:
  static constexpr std::uint8_t kMboType = 0xA0;
  static constexpr std::int64_t kUndefinedPrice = std::numeric_limits<std::int64_t>::max();

  explicit DbnReader(DbnOptions options = {})
      : FeedReaderBase(options.tick, options.on_gap), options_(options) {}

  [[nodiscard]] PriceScale price_scale() const noexcept { return {tick_.divisor(), 1'000'000'000}; }
  // Null until the header has been read.
  [[nodiscard]] const DbnMetadata* metadata() const noexcept { return has_metadata_ ? &metadata_ : nullptr; }
  // Records whose MAYBE_BAD_BOOK flag the vendor set.
  [[nodiscard]] std::uint64_t maybe_bad_book() const noexcept { return maybe_bad_book_; }

  [[nodiscard]] std::size_t next(std::span<Event> out) {
    std::size_t made = 0;
    if (!has_metadata_ && !error_) read_metadata();
    while (has_metadata_ && made < out.size() && !error_) {
      const std::byte* head = in_.peek(1);
      if (head == nullptr) break;
      const std::size_t length = std::size_t{4} * static_cast<std::uint8_t>(*head);
      if (length < kHeaderBytes) {
        fail(FeedErrorCode::kBadLength,
             "a record has at least 16 bytes, found a length of " + std::to_string(length));
        break;
      }
      const std::byte* record = in_.peek(length);
      if (record == nullptr) break;
      made += decode(record, length, out[made]);
      if (!error_) consumed(length);
    }
    if (made < out.size() && is_finished_ && !error_) {
      if (in_.pending() != 0) {
        fail(FeedErrorCode::kTruncated,
             "input ends " + std::to_string(in_.pending()) + " bytes into a record");
      } else if (!has_metadata_) {
        fail_header(FeedErrorCode::kTruncated, "input is empty");
      }
    }
    stats_.events += made;
    return made;
  }

 private:
  static constexpr std::size_t kHeaderBytes = 16;
  static constexpr std::size_t kMboBytes = 56;
  static constexpr std::uint8_t kFlagLast = 0x80;
  static constexpr std::uint8_t kFlagSnapshot = 0x20;
  static constexpr std::uint8_t kFlagMaybeBadBook = 0x04;

  void read_metadata() {
    using feed_detail::load_le;
    const std::byte* magic = in_.peek(8);
    if (magic == nullptr) {
      if (is_finished_ && in_.pending() != 0) fail_header(FeedErrorCode::kTruncated, "header is cut");
      return;
    }
    if (load_le<std::uint32_t>(magic) == 0xFD2F'B528) {
      return fail_header(FeedErrorCode::kBadMagic, "expected DBN, found zstd: decompress it first");
    }
    if (feed_detail::load_char(magic) != 'D' || feed_detail::load_char(magic + 1) != 'B' ||
        feed_detail::load_char(magic + 2) != 'N') {
      return fail_header(FeedErrorCode::kBadMagic, "expected DBN at the start");
    }
    const auto version = static_cast<std::uint8_t>(magic[3]);
    if (version < 1 || version > 3) {
      return fail_header(FeedErrorCode::kUnsupportedVersion,
                         "DBN versions 1 to 3 are read, found " + std::to_string(version));
    }
    const std::size_t length = load_le<std::uint32_t>(magic + 4);
    if (length > options_.max_metadata_bytes) {
      return fail_header(FeedErrorCode::kTooLong,
                         "metadata of " + std::to_string(length) + " bytes exceed max_metadata_bytes");
    }
    const std::byte* framed = in_.peek(8 + length);
    if (framed == nullptr) {
      if (is_finished_) fail_header(FeedErrorCode::kTruncated, "metadata are cut");
      return;
    }
    std::string problem;
    if (!feed_detail::parse_dbn_metadata({framed + 8, length}, version, metadata_, problem)) {
      return fail_header(FeedErrorCode::kBadField, std::move(problem));
    }
    in_.consume(8 + length);
    stats_.bytes += 8 + length;
    has_metadata_ = true;
  }

  std::size_t decode(const std::byte* record, std::size_t length, Event& event) {
    using feed_detail::load_char;
    using feed_detail::load_le;
    if (static_cast<std::uint8_t>(record[1]) != kMboType) {
      ++stats_.unknown;
      return 0;
    }
    if (length < kMboBytes) {
      fail(FeedErrorCode::kBadLength,
           "a record of orders has 56 bytes or more, found " + std::to_string(length));
      return 0;
    }
    const auto flags = static_cast<std::uint8_t>(record[36]);
    const char action = load_char(record + 38);
    const char side = load_char(record + 39);
    event = Event{};
    const auto time = load_le<std::uint64_t>(record + (options_.time == DbnOptions::Time::kReceive ? 40 : 8));
    if (time > static_cast<std::uint64_t>(std::numeric_limits<TimestampNs>::max())) {
      fail(FeedErrorCode::kBadField, "the time is undefined");
      return 0;
    }
    event.time_ns = static_cast<TimestampNs>(time);
    event.instrument = load_le<std::uint32_t>(record + 4);
    event.order_id = load_le<std::uint64_t>(record + 16);
    event.quantity = load_le<std::uint32_t>(record + 32);
    event.sequence = load_le<std::uint32_t>(record + 52);
    if ((flags & kFlagLast) != 0) event.flags |= kEventEndOfGroup;
    if ((flags & kFlagSnapshot) != 0) event.flags |= kEventSnapshot;
    maybe_bad_book_ += (flags & kFlagMaybeBadBook) != 0 ? 1 : 0;
    if (side != 'A' && side != 'B' && side != 'N') {
      fail(FeedErrorCode::kBadField,
           "side must be A, B or N, found byte " + std::to_string(static_cast<unsigned char>(side)));
      return 0;
    }
    event.side = side == 'A' ? Side::kSell : Side::kBuy;
    if (side == 'N') event.flags |= kEventNoSide;
    if (!set_action(action, event)) return 0;
    const auto price = static_cast<std::int64_t>(load_le<std::uint64_t>(record + 24));
    if (price == kUndefinedPrice) {
      event.flags |= kEventNoPrice;
    } else if (!to_ticks(price, event.price)) {
      return 0;
    }
    if (!is_complete(event)) return 0;
    note_time(event.time_ns);
    return note_sequence(event) && !is_left_out(action) ? 1 : 0;
  }

  bool set_action(char action, Event& event) {
    switch (action) {
      case 'A':
        event.kind = EventKind::kAdd;
        return true;
      case 'C':
        event.kind = EventKind::kReduce;
        return true;
      case 'M':
        event.kind = EventKind::kModify;
        return true;
      case 'R':
        event.kind = EventKind::kClear;
        return true;
      case 'F':
        event.kind = EventKind::kTrade;
        return true;
      case 'T':
        event.kind = EventKind::kTrade;
        event.side = opposite(event.side);
        return true;
      case 'N':
        event.kind = EventKind::kStatus;
        return true;
      default:
        fail(FeedErrorCode::kBadField, "action must be one of A C M T F R N, found byte " +
                                           std::to_string(static_cast<unsigned char>(action)));
        return false;
    }
  }

  bool is_complete(const Event& event) {
    const bool enters = event.kind == EventKind::kAdd || event.kind == EventKind::kModify;
    if (enters && (event.flags & kEventNoPrice) != 0) {
      fail(FeedErrorCode::kBadField, "an order that enters needs a price, found the undefined one");
      return false;
    }
    if (event.kind == EventKind::kAdd && (event.flags & kEventNoSide) != 0) {
      fail(FeedErrorCode::kBadField, "an order that enters needs a side, found N");
      return false;
    }
    return true;
  }

  // Snapshot records carry the sequence at which their order last changed, in no order.
  bool note_sequence(const Event& event) {
    if (options_.sequences == DbnOptions::Sequences::kAny || (event.flags & kEventSnapshot) != 0) return true;
    const std::uint64_t expected = last_sequence_ + 1;
    const bool is_next = event.sequence == last_sequence_ || event.sequence == expected;
    const bool goes_on = !has_sequence_ || is_next || note_gap(expected, event.sequence);
    has_sequence_ = true;
    last_sequence_ = event.sequence;
    return goes_on;
  }

  bool is_left_out(char action) {
    const bool left_out = action == 'N' || (action == 'F' && !options_.fills);
    stats_.skipped += left_out ? 1 : 0;
    return left_out;
  }

  DbnOptions options_;
  DbnMetadata metadata_;
  bool has_metadata_ = false;
  bool has_sequence_ = false;
  std::uint64_t last_sequence_ = 0;
  std::uint64_t maybe_bad_book_ = 0;
};

}  // namespace orderbook

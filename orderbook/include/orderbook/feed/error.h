// What goes wrong in a feed, told exactly: a code, the byte, the message and a short text.
//
// Readers never throw for what is in the bytes. An error is final: the events before it stand, none after it is made.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace orderbook {

enum class FeedErrorCode : std::uint8_t {
  kTruncated,           // the input ended inside a message
  kBadMagic,            // not the format asked for
  kUnsupportedVersion,  // the format, in a version that is not read
  kBadLength,           // a message's length contradicts its type
  kBadField,            // a field holds what it may not
  kBadSyntax,           // text that does not parse
  kOverflow,            // a number outside its type
  kNotOnTick,           // a price that is no multiple of the tick
  kTooLong,             // a line or header over the stated limit
  kSequenceGap,         // messages are missing, and the policy is to stop
  kTimeOrder,           // time ran backwards, and the policy is to stop
  kBadOption,           // the options contradict each other or the data
};

[[nodiscard]] constexpr std::string_view to_string(FeedErrorCode code) noexcept {
  switch (code) {
    case FeedErrorCode::kTruncated:
      return "truncated";
    case FeedErrorCode::kBadMagic:
      return "bad magic";
    case FeedErrorCode::kUnsupportedVersion:
      return "unsupported version";
    case FeedErrorCode::kBadLength:
      return "bad length";
    case FeedErrorCode::kBadField:
      return "bad field";
    case FeedErrorCode::kBadSyntax:
      return "bad syntax";
    case FeedErrorCode::kOverflow:
      return "overflow";
    case FeedErrorCode::kNotOnTick:
      return "price not on tick";
    case FeedErrorCode::kTooLong:
      return "too long";
    case FeedErrorCode::kSequenceGap:
      return "sequence gap";
    case FeedErrorCode::kTimeOrder:
      return "time order";
    case FeedErrorCode::kBadOption:
      return "bad option";
  }
  return "unknown";
}

struct FeedError {
  FeedErrorCode code = FeedErrorCode::kBadSyntax;
  std::uint64_t byte_offset = 0;  // of the message's first byte in the whole input
  std::uint64_t message = 0;      // counted from 1: message, record or line; 0 for the file's header
  std::string text;               // expected, found; without code and place
};

// One hole in a sequence: `expected` did not come, `found` did.
struct SequenceGap {
  std::uint64_t byte_offset = 0;
  std::uint64_t message = 0;
  std::uint64_t expected = 0;
  std::uint64_t found = 0;
};

enum class OnGap : std::uint8_t {
  kReport,  // count it, keep where it was, go on
  kError,   // stop with kSequenceGap
};

// All gaps are counted; the first `kKept` are kept with their places, so that a broken feed costs no memory.
class GapLog {
 public:
  static constexpr std::size_t kKept = 64;

  void add(const SequenceGap& gap) noexcept {
    if (count_ < kKept) first_[count_] = gap;
    ++count_;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::span<const SequenceGap> first() const noexcept {
    return {first_.data(), count_ < kKept ? static_cast<std::size_t>(count_) : kKept};
  }

 private:
  std::array<SequenceGap, kKept> first_{};
  std::uint64_t count_ = 0;
};

struct FeedStats {
  std::uint64_t bytes = 0;     // consumed
  std::uint64_t messages = 0;  // read, whatever became of them
  std::uint64_t events = 0;    // made
  std::uint64_t skipped = 0;   // known messages that say nothing about a book, or that options leave out
  std::uint64_t unknown = 0;   // messages of a type that the reader does not know
  std::uint64_t stale = 0;     // older than what is already known (Binance updates before the snapshot)
  std::uint64_t time_regressions = 0;  // messages with a time before their predecessor's
};

}  // namespace orderbook

// How a replay samples, and what it does about what should not be in a feed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orderbook/reject.h"
#include "orderbook/types.h"

namespace orderbook {

enum class SampleMode : std::uint8_t {
  kAtTimes,     // a row for each of the caller's times
  kEveryEvent,  // a row after each event, of the event's instrument
  kEveryNth,    // a row after each n-th event of the whole stream
};

enum class OnBookError : std::uint8_t {
  kError,  // an event that the book refuses ends the replay
  kCount,  // it is counted by reason; it changed nothing, and no trade column hears of it
};

enum class OnTimeOrder : std::uint8_t {
  kError,    // an event before its predecessor's time ends the replay
  kArrival,  // it is taken to be known at the latest time seen so far: nobody knew it earlier
};

struct ReplayOptions {
  static constexpr std::uint32_t kMaxLevels = 64;

  SampleMode mode = SampleMode::kAtTimes;
  std::uint64_t every = 1;    // kEveryNth, at least 1
  std::uint32_t levels = 10;  // of each side, 1 to kMaxLevels
  bool order_flow = true;     // keep what the `order_flow` column needs: some ns an event
  // A change that the venue published as one, up to kEventEndOfGroup, is shown whole or not at all: it becomes visible
  // at its last event, with that event's time, and counts as one event for kEveryEvent and kEveryNth. Events of a
  // snapshot (kEventSnapshot) are not held back, but only the last of them makes a row. A group that the stream leaves
  // open is never shown.
  bool whole_groups = false;
  OnBookError on_book_error = OnBookError::kError;
  OnTimeOrder on_time_order = OnTimeOrder::kError;
  std::vector<InstrumentId> instruments;  // only these; all when empty
  std::size_t max_instruments = 65'536;
  std::size_t max_group_events = std::size_t{1} << 20;
};

enum class ReplayErrorCode : std::uint8_t {
  kBadOption,    // options or columns that contradict each other
  kBook,         // the book refused an event: `reject` says why
  kTimeOrder,    // event times descend
  kSampleOrder,  // sample times descend
  kInstruments,  // more than max_instruments, or a second one where samples name none
  kGroupTooLong,
};

struct ReplayError {
  ReplayErrorCode code = ReplayErrorCode::kBadOption;
  Reject reject = Reject::kNone;
  std::uint64_t event = 0;     // position in the stream, from 1; 0 where no event is to blame
  std::uint64_t sequence = 0;  // of that event
  std::string text;
};

struct ReplayStats {
  std::uint64_t events = 0;    // consumed
  std::uint64_t filtered = 0;  // of them, of instruments not asked for
  std::uint64_t rows = 0;
  std::uint64_t late_events = 0;  // taken at arrival
  std::uint64_t rejected = 0;
  std::array<std::uint64_t, kRejectCount> rejected_by{};  // by Reject
  std::uint64_t open_group_events = 0;                    // held back and never shown
};

}  // namespace orderbook

#include "flowstate/book/feed_replay.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "book/batch_columns.h"
#include "book/event_source.h"
#include "flowstate/error.h"
#include "orderbook/replay/core_book.h"
#include "orderbook/replay/replay.h"

namespace flowstate::book {

namespace {

using orderbook::Event;

// Orders and levels of any quantity without queues: crypto units exceed 32 bits.
template <orderbook::EventListener Listener = orderbook::NullListener>
using WideLevelBook = orderbook::BasicBook<orderbook::LevelOnly<std::uint64_t>, orderbook::HashedIndex,
                                           orderbook::LadderLevels, Listener>;
using WideLevels = orderbook::ListenedBook<WideLevelBook>;

[[noreturn]] void raise(const orderbook::FeedError& error) {
  using Code = orderbook::FeedErrorCode;
  const ErrorCode code = error.code == Code::kSequenceGap ? ErrorCode::SEQUENCE_GAP
                         : error.code == Code::kTimeOrder ? ErrorCode::UNSORTED
                         : error.code == Code::kBadOption ? ErrorCode::ARG_RANGE
                                                          : ErrorCode::CORRUPT;
  const std::string place = error.message == 0 ? "header" : "message " + std::to_string(error.message);
  throw Error(code,
              place + " at byte " + std::to_string(error.byte_offset) + ": " +
                  std::string(to_string(error.code)) + ": " + error.text,
              {{"message", static_cast<std::int64_t>(error.message)},
               {"byteOffset", static_cast<std::int64_t>(error.byte_offset)}});
}

[[noreturn]] void raise(const orderbook::ReplayError& error) {
  using Code = orderbook::ReplayErrorCode;
  ErrorCode code = ErrorCode::ARG_RANGE;
  if (error.code == Code::kBook) code = ErrorCode::BOOK_EVENT;
  if (error.code == Code::kTimeOrder || error.code == Code::kSampleOrder) code = ErrorCode::UNSORTED;
  if (error.code == Code::kGroupTooLong) code = ErrorCode::CORRUPT;
  const std::string place = error.event == 0 ? std::string()
                                             : "event " + std::to_string(error.event) + " (sequence " +
                                                   std::to_string(error.sequence) + "): ";
  throw Error(code, place + error.text,
              {{"event", static_cast<std::int64_t>(error.event)},
               {"sequence", static_cast<std::int64_t>(error.sequence)},
               {"reject", static_cast<std::int64_t>(error.reject)}});
}

template <class Book>
class ReplayOf final : public FeedReplay {
 public:
  explicit ReplayOf(FeedConfig config)
      : config_(std::move(config)),
        source_(make_event_source(config_)),
        replay_(config_.replay),
        columns_(config_),
        events_(kEventsAtOnce) {
    for (const auto& [instrument, order] : config_.tracked) replay_.track(instrument, order);
    if (config_.replay.mode == orderbook::SampleMode::kAtTimes) {
      (void)replay_.set_samples(config_.sample_times, config_.sample_instruments, true);
    }
    check();
  }

  void feed(std::span<const std::byte> bytes) override { source_->feed(bytes); }
  void feed(const orderbook::EventColumns& columns) override {
    source_->feed(columns);
    check();
  }
  void finish_input() override {
    is_finished_ = true;
    source_->finish();
  }

  FeedBatch run(const std::atomic<bool>& cancelled) override {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    columns_.open();
    try {
      if (!fill(cancelled)) return {};
    } catch (const Error& error) {
      // The rows before the error stand.
      if (columns_.columns().rows == 0 || error.code() == ErrorCode::ABORTED) throw;
      failure_ = std::current_exception();
    }
    return columns_.take(source_->price_scale());
  }

  bool done() const noexcept override { return is_done_; }

  FeedReplayStats stats() const override {
    FeedReplayStats stats;
    stats.feed = source_->stats();
    stats.replay = replay_.stats();
    stats.events_by_kind = kinds_;
    stats.events_by_instrument.assign(instruments_.begin(), instruments_.end());
    std::sort(stats.events_by_instrument.begin(), stats.events_by_instrument.end());
    if (const orderbook::GapLog* gaps = source_->gaps()) {
      stats.gaps = gaps->count();
      stats.first_gaps.assign(gaps->first().begin(), gaps->first().end());
    }
    return stats;
  }
  std::vector<std::string> symbols() const override { return source_->symbols(); }
  orderbook::PriceScale price_scale() const override { return source_->price_scale(); }

 private:
  static constexpr std::size_t kEventsAtOnce = 2048;

  // False: more input is needed.
  bool fill(const std::atomic<bool>& cancelled) {
    while (!is_done_) {
      if (cancelled.load(std::memory_order_relaxed))
        throw Error(ErrorCode::ABORTED, "the replay was aborted");
      if (pending_.empty() && !replay_.done()) {
        const std::size_t count = source_->next(events_);
        pending_ = std::span<const Event>(events_).first(count);
        if (count == 0) {
          check();
          if (!is_finished_) return false;
        }
      }
      if (pending_.empty() || replay_.done()) {
        if (replay_.finish(columns_.columns())) is_done_ = true;
        check();
      } else {
        const std::size_t used = replay_.run(pending_, columns_.columns());
        count_events(pending_.first(used));
        pending_ = pending_.subspan(used);
        check_replay();
      }
      if (columns_.is_full()) break;
    }
    return true;
  }

  void check() const {
    check_replay();
    if (source_->error() != nullptr) raise(*source_->error());
  }
  void check_replay() const {
    if (replay_.error() != nullptr) raise(*replay_.error());
  }

  void count_events(std::span<const Event> events) {
    for (const Event& event : events) {
      ++kinds_[static_cast<std::size_t>(event.kind) % kinds_.size()];
      if (last_count_ == nullptr || event.instrument != last_instrument_) {
        last_instrument_ = event.instrument;
        last_count_ = &instruments_[event.instrument];
      }
      ++*last_count_;
    }
  }

  FeedConfig config_;  // the replay borrows its sample times
  std::unique_ptr<EventSource> source_;
  orderbook::Replay<Book> replay_;
  BatchColumns columns_;
  std::vector<Event> events_;
  std::span<const Event> pending_;
  std::array<std::uint64_t, 10> kinds_{};
  std::unordered_map<std::uint32_t, std::uint64_t> instruments_;  // its values do not move
  std::uint32_t last_instrument_ = 0;
  std::uint64_t* last_count_ = nullptr;
  bool is_finished_ = false;
  bool is_done_ = false;
  std::exception_ptr failure_;  // for the next run
};

}  // namespace

std::unique_ptr<FeedReplay> make_feed_replay(FeedConfig config) {
  switch (config.book) {
    case FeedBook::kLevels:
      return std::make_unique<ReplayOf<WideLevels>>(std::move(config));
    case FeedBook::kOrders:
      return std::make_unique<ReplayOf<orderbook::WideBook>>(std::move(config));
    case FeedBook::kPlaces:
      return std::make_unique<ReplayOf<orderbook::PlacesBook>>(std::move(config));
  }
  throw Error(ErrorCode::ARG_RANGE, "native replay: no such book");
}

}  // namespace flowstate::book

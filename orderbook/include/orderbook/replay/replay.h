// Events in, rows of features out, through a book per instrument.
//
// The rule of time, the same as the join's: a row at t sees exactly the events with time <= t, ties included, in the order
// of the stream. Nothing later ever changes it. With ReplayOptions::whole_groups a group counts as one event at the time
// of its last one, so that nobody is shown half of a change.
//
//   Replay<FullBook> replay(options);
//   replay.set_samples(times, instruments, true);          // kAtTimes only
//   while (!events.empty() && !replay.done()) {
//     events = events.subspan(replay.run(events, columns)); // stops early when the columns are full
//     if (replay.error() != nullptr) ...
//     if (columns.rows == columns.capacity) take(columns);  // and set columns.rows to 0
//   }
//   while (!replay.finish(columns)) take(columns);          // the samples after the last event
//
// Cost: O(1) an event plus what the book takes, O(levels) a row, plus O(orders ahead) where an order is tracked. Memory
// comes with new instruments and open groups only. One thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "orderbook/replay/columns.h"
#include "orderbook/replay/detail/column_check.h"
#include "orderbook/replay/detail/row_writer.h"
#include "orderbook/replay/options.h"

namespace orderbook {

template <FeatureBook Book>
class Replay {
 public:
  using BookFactory = std::function<Book(InstrumentId)>;

  explicit Replay(
      ReplayOptions options, BookFactory make_book = [](InstrumentId) { return Book(); })
      : options_(std::move(options)), make_book_(std::move(make_book)) {
    std::sort(options_.instruments.begin(), options_.instruments.end());
    settings_.levels = options_.levels;
    settings_.order_flow = options_.order_flow;
    // Kept from change to change where rows are about as frequent as events: then reading the book costs more.
    settings_.keeps_levels = options_.order_flow || options_.mode == SampleMode::kEveryEvent ||
                             (options_.mode == SampleMode::kEveryNth && options_.every <= 4);
    if (options_.levels < 1 || options_.levels > ReplayOptions::kMaxLevels) {
      fail(ReplayErrorCode::kBadOption, "levels must be 1 to 64, found " + std::to_string(options_.levels));
    } else if (options_.every < 1) {
      fail(ReplayErrorCode::kBadOption, "every must be at least 1");
    }
  }

  // The order whose queue position the instrument's rows show, from the next row on. Replacing it ends it: the new order
  // has another id.
  void track(InstrumentId instrument, OrderId order) {
    tracked_[instrument] = order;
    apply_tracking(instrument);
  }

  // kAtTimes: the times of the next rows, ascending (ties may be), and which instrument each is about. No instruments:
  // all rows are about the stream's only one. The former samples must be used up. `is_last`: none will follow, so that
  // run() need not wait for more. Both spans must live until used up. False, and an error, when this is not so.
  bool set_samples(std::span<const TimestampNs> times, std::span<const InstrumentId> instruments,
                   bool is_last) {
    if (error_) return false;
    if (options_.mode != SampleMode::kAtTimes) {
      return fail(ReplayErrorCode::kBadOption, "samples are for kAtTimes");
    }
    if (samples_left() != 0) return fail(ReplayErrorCode::kBadOption, "the samples before are not used up");
    if (!instruments.empty() && instruments.size() != times.size()) {
      return fail(ReplayErrorCode::kBadOption, "as many instruments as times, or none");
    }
    TimestampNs last = last_sample_ns_;
    for (std::size_t i = 0; i < times.size(); ++i) {
      if (times[i] < last) {
        return fail(ReplayErrorCode::kSampleOrder, "sample times must ascend; sample " + std::to_string(i) +
                                                       " is " + std::to_string(times[i]) + " after " +
                                                       std::to_string(last));
      }
      last = times[i];
    }
    if (!times.empty() && has_applied_ && times[0] < arrived_ns_) {
      return fail(ReplayErrorCode::kSampleOrder,
                  "the first sample precedes events that were applied already");
    }
    last_sample_ns_ = last;
    times_ = times;
    sample_instruments_ = instruments;
    next_sample_ = 0;
    has_last_samples_ = is_last;
    if (!times.empty()) names_instruments_ = !instruments.empty();
    return check_single();
  }

  // Consumes events and writes rows; returns how many events were consumed. Fewer than given mean: the columns are full,
  // or (kAtTimes) the samples are used up (set more, or done()), or error(). The columns are checked before anything is done.
  std::size_t run(std::span<const Event> events, FeatureColumns& columns) {
    if (error_ || !check_columns(columns)) return 0;
    std::size_t i = 0;
    for (; i < events.size(); ++i) {
      const bool goes_on = options_.mode == SampleMode::kAtTimes ? run_at_times(events[i], columns)
                                                                 : run_by_event(events[i], columns);
      if (!goes_on) break;
      ++stats_.events;
    }
    return i;
  }

  // No event will follow: writes the samples that are left. True when all are written, or on an error; false when the columns are
  // full: take them and call again. Never needed for the other modes.
  bool finish(FeatureColumns& columns) {
    if (error_ || !check_columns(columns)) return true;
    if (!is_finished_) {
      is_finished_ = true;
      for (const auto& [id, instrument] : instruments_) stats_.open_group_events += instrument->held.size();
    }
    return write_samples_before(std::nullopt, columns);
  }

  [[nodiscard]] std::size_t samples_left() const noexcept { return times_.size() - next_sample_; }
  // kAtTimes: the last samples are written, and further events cannot matter.
  [[nodiscard]] bool done() const noexcept {
    return options_.mode == SampleMode::kAtTimes && has_last_samples_ && samples_left() == 0;
  }
  [[nodiscard]] const ReplayError* error() const noexcept { return error_ ? &*error_ : nullptr; }
  [[nodiscard]] const ReplayStats& stats() const noexcept { return stats_; }
  // The instrument's book as it is now, or null.
  [[nodiscard]] const Book* book(InstrumentId id) const noexcept {
    const auto found = instruments_.find(id);
    return found == instruments_.end() ? nullptr : &found->second->book();
  }

 private:
  using Instrument = replay_detail::Instrument<Book>;

  bool fail(ReplayErrorCode code, std::string text) {
    if (!error_) error_ = ReplayError{code, Reject::kNone, 0, 0, std::move(text)};
    return false;
  }
  bool fail_at(ReplayErrorCode code, const Event& event, std::uint64_t place, std::string text) {
    if (!error_) error_ = ReplayError{code, Reject::kNone, place, event.sequence, std::move(text)};
    return false;
  }

  bool check_columns(const FeatureColumns& columns) {
    if (!columns.order_flow.empty() && !options_.order_flow) {
      return fail(ReplayErrorCode::kBadOption, "the column order_flow needs the option");
    }
    return replay_detail::columns_fit(columns, options_.levels) ||
           fail(ReplayErrorCode::kBadOption, "columns are shorter than their capacity");
  }

  // Samples that name no instrument need a stream of one.
  bool check_single() {
    return names_instruments_ || options_.mode != SampleMode::kAtTimes || instruments_.size() <= 1 ||
           fail(ReplayErrorCode::kInstruments, "samples name no instrument, and the stream has several");
  }

  [[nodiscard]] bool is_wanted(InstrumentId id) const noexcept {
    return options_.instruments.empty() ||
           std::binary_search(options_.instruments.begin(), options_.instruments.end(), id);
  }

  // False: the event was not consumed.
  bool run_at_times(const Event& event, FeatureColumns& columns) {
    if (!is_wanted(event.instrument)) return pass_over();
    TimestampNs time_ns = event.time_ns;
    if (!arrive(event, time_ns) || !write_samples_before(time_ns, columns)) return false;
    if (samples_left() == 0) return false;
    note_arrival(event, time_ns);
    Instrument* instrument = find_or_make(event);
    return instrument != nullptr && take(*instrument, event, time_ns).goes_on;
  }

  bool run_by_event(const Event& event, FeatureColumns& columns) {
    if (!is_wanted(event.instrument)) return pass_over();
    if (columns.rows == columns.capacity) return false;
    TimestampNs time_ns = event.time_ns;
    if (!arrive(event, time_ns)) return false;
    note_arrival(event, time_ns);
    Instrument* instrument = find_or_make(event);
    if (instrument == nullptr) return false;
    const Taken taken = take(*instrument, event, time_ns);
    if (!taken.goes_on) return false;
    if (!taken.is_unit_end) return true;
    ++units_;
    if (options_.mode == SampleMode::kEveryNth && units_ % options_.every != 0) return true;
    replay_detail::write_row(instrument, event.instrument, time_ns, false, options_.levels, columns);
    ++stats_.rows;
    return true;
  }

  bool pass_over() noexcept {
    ++stats_.filtered;
    return true;
  }

  // When the event is known, changing nothing yet.
  bool arrive(const Event& event, TimestampNs& time_ns) {
    if (!has_applied_ || event.time_ns >= arrived_ns_) return true;
    if (options_.on_time_order == OnTimeOrder::kError) {
      return fail_at(ReplayErrorCode::kTimeOrder, event, stats_.events + 1,
                     "event times must ascend; " + std::to_string(event.time_ns) + " follows " +
                         std::to_string(arrived_ns_));
    }
    time_ns = arrived_ns_;
    return true;
  }
  void note_arrival(const Event& event, TimestampNs time_ns) noexcept {
    stats_.late_events += time_ns != event.time_ns ? 1 : 0;
    has_applied_ = true;
    arrived_ns_ = time_ns;
  }

  // False when the columns are full first.
  bool write_samples_before(std::optional<TimestampNs> time_ns, FeatureColumns& columns) {
    while (samples_left() != 0 && (!time_ns || times_[next_sample_] < *time_ns)) {
      if (columns.rows == columns.capacity) return false;
      InstrumentId id = 0;
      Instrument* instrument = nullptr;
      if (!sample_instruments_.empty()) {
        id = sample_instruments_[next_sample_];
        const auto found = instruments_.find(id);
        instrument = found == instruments_.end() ? nullptr : found->second.get();
      } else if (!instruments_.empty()) {
        instrument = instruments_.begin()->second.get();
        id = instrument->id();
      }
      replay_detail::write_row(instrument, id, times_[next_sample_], true, options_.levels, columns);
      ++next_sample_;
      ++stats_.rows;
    }
    return true;
  }

  struct Taken {
    bool goes_on = true;
    bool is_unit_end = true;
  };

  // Applies the event, or holds it back until its group is whole.
  Taken take(Instrument& instrument, const Event& event, TimestampNs time_ns) {
    const std::uint64_t place = stats_.events + 1;
    if (!options_.whole_groups) return {apply(instrument, event, place, time_ns, true), true};
    const bool is_end = (event.flags & kEventEndOfGroup) != 0;
    if ((event.flags & kEventSnapshot) != 0 && instrument.held.empty()) {
      return {apply(instrument, event, place, time_ns, true), is_end};
    }
    if (!is_end) {
      if (instrument.held.size() >= options_.max_group_events) {
        return {fail_at(ReplayErrorCode::kGroupTooLong, event, place, "a group exceeds max_group_events"),
                false};
      }
      instrument.held.emplace_back(event, place);
      return {true, false};
    }
    for (const auto& [held, held_place] : instrument.held) {
      if (!apply(instrument, held, held_place, time_ns, false)) return {false, false};
    }
    instrument.held.clear();
    return {apply(instrument, event, place, time_ns, true), true};
  }

  bool apply(Instrument& instrument, const Event& event, std::uint64_t place, TimestampNs time_ns,
             bool is_unit_end) {
    const Reject reject = instrument.apply(event, is_unit_end);
    if (reject == Reject::kNone) [[likely]] {
      instrument.note_time(time_ns);
      return true;
    }
    ++stats_.rejected;
    ++stats_.rejected_by[static_cast<std::size_t>(reject)];
    if (options_.on_book_error == OnBookError::kCount) return true;
    fail_at(ReplayErrorCode::kBook, event, place,
            "the book refuses the event: " + std::string(to_string(reject)) + ", order " +
                std::to_string(event.order_id));
    error_->reject = reject;
    return false;
  }

  Instrument* find_or_make(const Event& event) {
    if (last_used_ != nullptr && last_used_->id() == event.instrument) [[likely]]
      return last_used_;
    const auto found = instruments_.find(event.instrument);
    if (found != instruments_.end()) return last_used_ = found->second.get();
    if (instruments_.size() >= options_.max_instruments) {
      fail_at(ReplayErrorCode::kInstruments, event, stats_.events + 1, "more than max_instruments");
      return nullptr;
    }
    auto made = std::make_unique<Instrument>(event.instrument, make_book_(event.instrument), settings_);
    last_used_ = instruments_.emplace(event.instrument, std::move(made)).first->second.get();
    apply_tracking(event.instrument);
    return check_single() ? last_used_ : nullptr;
  }

  void apply_tracking(InstrumentId id) {
    const auto instrument = instruments_.find(id);
    const auto order = tracked_.find(id);
    if (instrument != instruments_.end() && order != tracked_.end())
      instrument->second->tracked = order->second;
  }

  ReplayOptions options_;
  BookFactory make_book_;
  typename Instrument::Settings settings_;
  std::unordered_map<InstrumentId, std::unique_ptr<Instrument>> instruments_;
  std::unordered_map<InstrumentId, OrderId> tracked_;
  Instrument* last_used_ = nullptr;
  std::span<const TimestampNs> times_;
  std::span<const InstrumentId> sample_instruments_;
  std::size_t next_sample_ = 0;
  TimestampNs last_sample_ns_ = std::numeric_limits<TimestampNs>::min();
  bool has_last_samples_ = false;
  bool names_instruments_ = true;
  bool is_finished_ = false;
  bool has_applied_ = false;
  TimestampNs arrived_ns_ = 0;
  std::uint64_t units_ = 0;
  std::optional<ReplayError> error_;
  ReplayStats stats_;
};

}  // namespace orderbook

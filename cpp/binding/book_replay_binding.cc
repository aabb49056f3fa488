// replayOpen … replayClose: a feed into batches of feature columns. Input is copied when it is handed over, so nothing of
// the caller's is read by another thread; the work runs on the runner's threads, one batch at a time and only when asked.
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "binding/addon_data.h"
#include "binding/book_columns.h"
#include "binding/guard.h"
#include "binding/marshal.h"
#include "flowstate/book/feed_replay.h"

namespace flowstate::binding {

namespace {

struct ReplayHandle {
  std::shared_ptr<book::FeedReplay> replay;
  bool busy = false;
};
using ReplayExternal = Napi::External<std::shared_ptr<ReplayHandle>>;

std::shared_ptr<ReplayHandle> handle_of(const Napi::CallbackInfo& info) {
  if (info.Length() < 1 || !info[0].IsExternal()) {
    throw Error(ErrorCode::ARG_TYPE, "native replay: expected a replay");
  }
  return *info[0].As<ReplayExternal>().Data();
}

std::shared_ptr<ReplayHandle> idle_handle_of(const Napi::CallbackInfo& info) {
  std::shared_ptr<ReplayHandle> handle = handle_of(info);
  if (!handle->replay) throw Error(ErrorCode::CLOSED, "the replay is closed");
  if (handle->busy) throw Error(ErrorCode::BUSY, "the replay is in use by another call");
  return handle;
}

std::int64_t ranged(const Napi::Object& object, const char* key, std::int64_t least, std::int64_t most) {
  const std::int64_t value = get_int(object, key);
  if (value < least || value > most) {
    throw Error(ErrorCode::ARG_RANGE, std::string("native replay: ") + key + " is out of range");
  }
  return value;
}

template <typename T>
std::vector<T> copied(const Napi::Object& object, const char* key) {
  const std::span<const T> column = column_span<T>(object, key);
  return {column.begin(), column.end()};
}

book::FeedConfig config_from_js(const Napi::Object& object) {
  book::FeedConfig config;
  config.format = static_cast<book::FeedFormat>(ranged(object, "format", 0, 5));
  config.book = static_cast<book::FeedBook>(ranged(object, "book", 0, 2));
  config.tick = get_bigint(object, "tick");
  config.midnight_ns = get_bigint(object, "midnight");
  const Napi::Array symbols = get_array(object, "symbols");
  for (std::uint32_t i = 0; i < symbols.Length(); ++i) {
    config.symbols.push_back(symbols.Get(i).ToString().Utf8Value());
  }
  config.on_gap = get_bool(object, "gapIsError") ? orderbook::OnGap::kError : orderbook::OnGap::kReport;
  config.clear_on_gap = get_bool(object, "clearOnGap");
  config.dense_sequences = get_bool(object, "denseSequences");
  config.price_decimals = static_cast<std::uint32_t>(ranged(object, "priceDecimals", 0, 18));
  config.quantity_decimals = static_cast<std::uint32_t>(ranged(object, "quantityDecimals", 0, 18));
  config.seed_row = get_string(object, "seedRow");

  orderbook::ReplayOptions& replay = config.replay;
  replay.mode = static_cast<orderbook::SampleMode>(ranged(object, "mode", 0, 2));
  replay.every = static_cast<std::uint64_t>(ranged(object, "every", 1, std::int64_t{1} << 53));
  replay.levels =
      static_cast<std::uint32_t>(ranged(object, "levels", 1, orderbook::ReplayOptions::kMaxLevels));
  replay.order_flow = get_bool(object, "orderFlow");
  replay.whole_groups = get_bool(object, "wholeGroups");
  replay.on_book_error =
      get_bool(object, "rejectIsError") ? orderbook::OnBookError::kError : orderbook::OnBookError::kCount;
  replay.on_time_order =
      get_bool(object, "lateIsError") ? orderbook::OnTimeOrder::kError : orderbook::OnTimeOrder::kArrival;
  replay.instruments = copied<std::uint32_t>(object, "instruments");
  config.sample_times = copied<std::int64_t>(object, "sampleTimes");
  config.sample_instruments = copied<std::uint32_t>(object, "sampleInstruments");
  const auto tracked_instruments = column_span<std::uint32_t>(object, "trackedInstruments");
  const auto tracked_orders = column_span<std::uint64_t>(object, "trackedOrders");
  if (tracked_instruments.size() != tracked_orders.size()) {
    throw Error(ErrorCode::LENGTH, "native replay: as many tracked orders as instruments");
  }
  for (std::size_t i = 0; i < tracked_orders.size(); ++i) {
    config.tracked.emplace_back(tracked_instruments[i], tracked_orders[i]);
  }

  config.batch_rows = static_cast<std::size_t>(ranged(object, "batchRows", 1, 1 << 22));
  config.prices_in_ticks = get_bool(object, "pricesInTicks");
  config.sizes_as_floats = get_bool(object, "sizesAsFloats");
  config.wants_levels = get_bool(object, "wantsLevels");
  config.wants_orders = get_bool(object, "wantsOrders");
  config.wants_touch = get_bool(object, "wantsTouch");
  config.wants_imbalance = get_bool(object, "wantsImbalance");
  config.wants_trades = get_bool(object, "wantsTrades");
  return config;
}

Napi::Value number(Napi::Env env, std::uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

Napi::Array numbers(Napi::Env env, const std::vector<std::size_t>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (std::uint32_t i = 0; i < values.size(); ++i) array.Set(i, number(env, values[i]));
  return array;
}

Napi::Object batch_to_js(Napi::Env env, book::FeedBatch&& batch, bool done) {
  Napi::Object object = Napi::Object::New(env);
  const auto put = [&](const char* key, Buffer& buffer) {
    object.Set(key, buffer.empty() ? env.Null() : buffer_to_js(env, std::move(buffer)));
  };
  object.Set("rows", number(env, batch.rows));
  object.Set("done", done);
  object.Set("capacity", number(env, batch.capacity));
  object.Set("bitmapBytes", number(env, batch.bitmap_bytes));
  put("time", batch.time);
  put("instrument", batch.instrument);
  put("sequence", batch.sequence);
  put("eventTime", batch.event_time);
  put("bidPrice", batch.bid_price);
  put("askPrice", batch.ask_price);
  put("bidSize", batch.bid_size);
  put("askSize", batch.ask_size);
  put("bidOrders", batch.bid_orders);
  put("askOrders", batch.ask_orders);
  put("mid", batch.mid);
  put("spread", batch.spread);
  put("microprice", batch.microprice);
  put("imbalance", batch.imbalance);
  put("orderFlow", batch.order_flow);
  put("tradeCount", batch.trade_count);
  put("tradeVolume", batch.trade_volume);
  put("lastTradePrice", batch.last_trade_price);
  put("lastTradeSize", batch.last_trade_size);
  put("lastTradeSide", batch.last_trade_side);
  put("ordersAhead", batch.orders_ahead);
  put("quantityAhead", batch.quantity_ahead);
  put("seenValid", batch.seen_valid);
  put("bidValid", batch.bid_valid);
  put("askValid", batch.ask_valid);
  put("bothValid", batch.both_valid);
  put("eitherValid", batch.either_valid);
  put("tradeValid", batch.trade_valid);
  put("sideValid", batch.side_valid);
  put("queueValid", batch.queue_valid);
  object.Set("seenNulls", number(env, batch.seen_nulls));
  object.Set("bothNulls", number(env, batch.both_nulls));
  object.Set("eitherNulls", number(env, batch.either_nulls));
  object.Set("tradeNulls", number(env, batch.trade_nulls));
  object.Set("sideNulls", number(env, batch.side_nulls));
  object.Set("queueNulls", number(env, batch.queue_nulls));
  object.Set("bidNulls", numbers(env, batch.bid_nulls));
  object.Set("askNulls", numbers(env, batch.ask_nulls));
  return object;
}

class RunTask final : public Task {
 public:
  RunTask(Napi::Env env, Napi::Object pinned, std::shared_ptr<ReplayHandle> handle)
      : Task(env, pinned), handle_(std::move(handle)), replay_(handle_->replay) {
    handle_->busy = true;
  }
  ~RunTask() override { handle_->busy = false; }

  void work() override {
    batch_ = replay_->run(cancelled_);
    done_ = replay_->done();
  }
  Napi::Value result(Napi::Env env) override {
    handle_->busy = false;
    return batch_to_js(env, std::move(batch_), done_);
  }
  void cancel() noexcept override { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  std::shared_ptr<ReplayHandle> handle_;
  std::shared_ptr<book::FeedReplay> replay_;
  std::atomic<bool> cancelled_{false};
  book::FeedBatch batch_;
  bool done_ = false;
};

Napi::Object object_argument(const Napi::CallbackInfo& info, std::size_t index) {
  if (info.Length() <= index || !info[index].IsObject()) {
    throw Error(ErrorCode::ARG_TYPE, "native replay: an object was expected");
  }
  return info[index].As<Napi::Object>();
}

// replayOpen(options): replay
Napi::Value replay_open(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    auto handle = std::make_unique<std::shared_ptr<ReplayHandle>>(std::make_shared<ReplayHandle>());
    (*handle)->replay = counted(book::make_feed_replay(config_from_js(object_argument(info, 0))),
                                data_of(info.Env()).live_books);
    auto external = ReplayExternal::New(info.Env(), handle.get(),
                                        [](Napi::Env, std::shared_ptr<ReplayHandle>* held) { delete held; });
    handle.release();  // the finalizer has it now
    return external;
  });
}

// replayFeed(replay, bytes): void
Napi::Value replay_feed(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Bytes bytes = bytes_of(object_argument(info, 1), "input");
    idle_handle_of(info)->replay->feed({reinterpret_cast<const std::byte*>(bytes.data), bytes.size});
    return info.Env().Undefined();
  });
}

// replayFeedColumns(replay, columns): void
Napi::Value replay_feed_columns(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::Object object = object_argument(info, 1);
    orderbook::EventColumns columns;
    columns.time_ns = column_span<std::int64_t>(object, "time");
    columns.kind = column_span<std::uint8_t>(object, "kind");
    columns.side = column_span<std::uint8_t>(object, "side");
    columns.price = column_span<std::int64_t>(object, "price");
    columns.quantity = column_span<std::uint64_t>(object, "quantity");
    columns.order_id = column_span<std::uint64_t>(object, "orderId");
    columns.new_order_id = column_span<std::uint64_t>(object, "newOrderId");
    columns.sequence = column_span<std::uint64_t>(object, "sequence");
    columns.instrument = column_span<std::uint32_t>(object, "instrument");
    columns.flags = column_span<std::uint8_t>(object, "flags");
    idle_handle_of(info)->replay->feed(columns);
    return info.Env().Undefined();
  });
}

// replayFinish(replay): void; no more input
Napi::Value replay_finish(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    idle_handle_of(info)->replay->finish_input();
    return info.Env().Undefined();
  });
}

// replayRun(replay): { promise: Promise<batch>, cancel }; a batch without rows that is not `done` asks for input
Napi::Value replay_run(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::shared_ptr<ReplayHandle> handle = idle_handle_of(info);
    Napi::Object pinned = Napi::Object::New(info.Env());
    pinned.Set("replay", info[0]);
    return data_of(info.Env())
        .runner.start(info.Env(), std::make_unique<RunTask>(info.Env(), pinned, handle));
  });
}

// replayStats(replay): NativeReplayStats
Napi::Value replay_stats(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const book::FeedReplayStats stats = idle_handle_of(info)->replay->stats();
    Napi::Object object = Napi::Object::New(env);
    const auto put = [&](const char* key, std::uint64_t value) { object.Set(key, number(env, value)); };
    put("bytes", stats.feed.bytes);
    put("messages", stats.feed.messages);
    put("skipped", stats.feed.skipped);
    put("unknown", stats.feed.unknown);
    put("stale", stats.feed.stale);
    put("timeRegressions", stats.feed.time_regressions);
    put("events", stats.replay.events);
    put("filtered", stats.replay.filtered);
    put("rows", stats.replay.rows);
    put("lateEvents", stats.replay.late_events);
    put("rejected", stats.replay.rejected);
    put("openGroupEvents", stats.replay.open_group_events);
    put("gaps", stats.gaps);
    const auto list = [&](const auto& values) {
      Napi::Array array = Napi::Array::New(env, values.size());
      for (std::uint32_t i = 0; i < values.size(); ++i) array.Set(i, number(env, values[i]));
      return array;
    };
    object.Set("rejectedBy", list(stats.replay.rejected_by));
    object.Set("eventsByKind", list(stats.events_by_kind));
    Napi::Array instruments = Napi::Array::New(env, stats.events_by_instrument.size());
    for (std::uint32_t i = 0; i < stats.events_by_instrument.size(); ++i) {
      Napi::Array pair = Napi::Array::New(env, 2);
      pair.Set(0u, number(env, stats.events_by_instrument[i].first));
      pair.Set(1u, number(env, stats.events_by_instrument[i].second));
      instruments.Set(i, pair);
    }
    object.Set("eventsByInstrument", instruments);
    Napi::Array gaps = Napi::Array::New(env, stats.first_gaps.size());
    for (std::uint32_t i = 0; i < stats.first_gaps.size(); ++i) {
      const orderbook::SequenceGap& gap = stats.first_gaps[i];
      Napi::Object item = Napi::Object::New(env);
      item.Set("byteOffset", number(env, gap.byte_offset));
      item.Set("message", number(env, gap.message));
      item.Set("expected", Napi::BigInt::New(env, gap.expected));
      item.Set("found", Napi::BigInt::New(env, gap.found));
      gaps.Set(i, item);
    }
    object.Set("firstGaps", gaps);
    return object;
  });
}

// replaySymbols(replay): string[], by instrument number
Napi::Value replay_symbols(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto symbols = idle_handle_of(info)->replay->symbols();
    Napi::Array array = Napi::Array::New(info.Env(), symbols.size());
    for (std::uint32_t i = 0; i < symbols.size(); ++i)
      array.Set(i, Napi::String::New(info.Env(), symbols[i]));
    return array;
  });
}

// replayClose(replay): void, idempotent; a running call finishes first
Napi::Value replay_close(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    handle_of(info)->replay.reset();
    return info.Env().Undefined();
  });
}

}  // namespace

void register_book_replay(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("replayOpen", replay_open);
  add("replayFeed", replay_feed);
  add("replayFeedColumns", replay_feed_columns);
  add("replayFinish", replay_finish);
  add("replayRun", replay_run);
  add("replayStats", replay_stats);
  add("replaySymbols", replay_symbols);
  add("replayClose", replay_close);
}

}  // namespace flowstate::binding

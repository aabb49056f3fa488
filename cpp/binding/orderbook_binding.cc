// bookOpen … bookClose: a matching order book for one JavaScript thread. Every call is synchronous: a command costs some
// ten nanoseconds, and whoever sends a batch chose its size.
#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/addon_data.h"
#include "binding/book_columns.h"
#include "binding/command_blocks.h"
#include "binding/command_slot.h"
#include "binding/guard.h"
#include "binding/marshal.h"
#include "flowstate/book/matching_book.h"

namespace flowstate::binding {

namespace {

struct BookHandle {
  std::shared_ptr<book::MatchingBook> book;
  std::int64_t reported_bytes = 0;
};
using BookExternal = Napi::External<BookHandle>;

// V8 cannot see the book's memory, and collects by what it sees.
void report_bytes(Napi::Env env, BookHandle& handle) {
  const auto now = handle.book ? static_cast<std::int64_t>(handle.book->memory_bytes()) : 0;
  if (now == handle.reported_bytes) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, now - handle.reported_bytes);
  handle.reported_bytes = now;
}

BookHandle& handle_of(const Napi::CallbackInfo& info) {
  if (info.Length() < 1 || !info[0].IsExternal()) {
    throw Error(ErrorCode::ARG_TYPE, "native book: expected a book");
  }
  return *info[0].As<BookExternal>().Data();
}

book::MatchingBook& book_of(const Napi::CallbackInfo& info) {
  BookHandle& handle = handle_of(info);
  if (!handle.book) throw Error(ErrorCode::CLOSED, "the order book is closed");
  return *handle.book;
}

std::int64_t int_argument(const Napi::CallbackInfo& info, std::size_t index, std::int64_t most,
                          const char* what) {
  if (info.Length() <= index || !info[index].IsNumber()) {
    throw Error(ErrorCode::ARG_TYPE, std::string("native book: ") + what + " must be a number");
  }
  const std::int64_t value = info[index].As<Napi::Number>().Int64Value();
  if (value < 0 || value > most) {
    throw Error(ErrorCode::ARG_RANGE,
                std::string("native book: ") + what + " must be 0 to " + std::to_string(most));
  }
  return value;
}

std::uint64_t id_argument(const Napi::CallbackInfo& info) {
  bool lossless = false;
  if (info.Length() < 2 || !info[1].IsBigInt()) {
    throw Error(ErrorCode::ARG_TYPE, "native book: an id must be a bigint");
  }
  const std::uint64_t id = info[1].As<Napi::BigInt>().Uint64Value(&lossless);
  if (!lossless) throw Error(ErrorCode::ARG_RANGE, "native book: an id must be 0 to 2^64 - 1");
  return id;
}

orderbook::Side side_argument(const Napi::CallbackInfo& info) {
  return static_cast<orderbook::Side>(int_argument(info, 1, 1, "side"));
}

// Words for TypeScript to view as bigints: smaller than an object a level, and no conversion through doubles.
Napi::Value words_to_js(Napi::Env env, const std::vector<std::uint64_t>& words) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, words.size() * 8);
  if (!words.empty()) std::memcpy(buffer.Data(), words.data(), words.size() * 8);
  return buffer;
}

void append_view(std::vector<std::uint64_t>& words, const orderbook::OrderView& view) {
  words.insert(words.end(), {view.id, static_cast<std::uint64_t>(view.price.ticks), view.quantity,
                             view.reserve, view.display, static_cast<std::uint64_t>(view.time_ns), view.owner,
                             static_cast<std::uint64_t>(view.side) | (view.pending_stop ? 2u : 0u)});
}

// bookOpen({ storage, windowTicks, expectedOrders, maxOrders, maxDenseId, minPrice, maxPrice, deltas }): book
Napi::Value book_open(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    if (info.Length() < 1 || !info[0].IsObject()) {
      throw Error(ErrorCode::ARG_TYPE, "native book: expected options");
    }
    const Napi::Object options = info[0].As<Napi::Object>();
    book::BookConfig config;
    const auto ranged = [&options](const char* key, std::int64_t least, std::int64_t most) {
      const std::int64_t value = get_int(options, key);
      if (value < least || value > most) {
        throw Error(ErrorCode::ARG_RANGE, std::string("native book: ") + key + " is out of range");
      }
      return value;
    };
    config.storage = static_cast<book::BookStorage>(ranged("storage", 0, 2));
    config.options.window_ticks = static_cast<std::uint32_t>(ranged("windowTicks", 64, 262'144));
    config.options.expected_orders = static_cast<std::uint64_t>(ranged("expectedOrders", 0, 1 << 28));
    config.options.max_orders = static_cast<std::uint64_t>(
        ranged("maxOrders", 1, std::int64_t{std::numeric_limits<std::uint32_t>::max()} - 1));
    config.options.max_dense_id = static_cast<std::uint64_t>(ranged("maxDenseId", 0, std::int64_t{1} << 32));
    config.options.min_price = {get_bigint(options, "minPrice")};
    config.options.max_price = {get_bigint(options, "maxPrice")};
    config.records_deltas = get_bool(options, "deltas");
    auto handle = std::make_unique<BookHandle>();
    handle->book = counted(book::make_book(config), data_of(info.Env()).live_books);
    report_bytes(info.Env(), *handle);
    BookExternal external = BookExternal::New(info.Env(), handle.get(), [](Napi::Env env, BookHandle* held) {
      held->book.reset();
      report_bytes(env, *held);
      delete held;
    });
    handle.release();  // the finalizer has it now
    return external;
  });
}

book::CommandColumns commands_from_js(const Napi::Object& object) {
  book::CommandColumns columns;
  const std::int64_t rows = get_int(object, "rows");
  if (rows < 0) throw Error(ErrorCode::ARG_RANGE, "native book: rows must not be negative");
  columns.rows = static_cast<std::size_t>(rows);
  columns.kind = column_span<std::uint8_t>(object, "kind");
  columns.id = column_span<std::uint64_t>(object, "id");
  columns.new_id = column_span<std::uint64_t>(object, "newId");
  columns.side = column_span<std::uint8_t>(object, "side");
  columns.price = column_span<std::int64_t>(object, "price");
  columns.quantity = column_span<std::uint64_t>(object, "quantity");
  columns.type = column_span<std::uint8_t>(object, "type");
  columns.time_in_force = column_span<std::uint8_t>(object, "timeInForce");
  columns.post_only = column_span<std::uint8_t>(object, "postOnly");
  columns.self_trade = column_span<std::uint8_t>(object, "selfTrade");
  columns.stop_price = column_span<std::int64_t>(object, "stopPrice");
  columns.display = column_span<std::uint64_t>(object, "display");
  columns.owner = column_span<std::uint32_t>(object, "owner");
  columns.time_ns = column_span<std::int64_t>(object, "time");
  return columns;
}

Napi::Object request_of(const Napi::CallbackInfo& info) {
  if (info.Length() < 2 || !info[1].IsObject()) {
    throw Error(ErrorCode::ARG_TYPE, "native book: expected columns");
  }
  return info[1].As<Napi::Object>();
}

// bookApply(book, columns): { rows, rejected, answers, fills, removals, triggers }; answers: a block of columns
Napi::Value book_apply(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    book::MatchingBook& book = book_of(info);
    const book::CommandColumns commands = commands_from_js(request_of(info));
    // Rows are what the kinds are: a count that nothing backs must not allocate.
    const std::size_t rows = std::min(commands.rows, commands.kind.size());
    const FreshMemory memory = fresh_memory(info.Env(), rows * kAnswerBytes);
    const book::CommandEvents events = book.apply(commands, answers_over(memory.data, rows));
    report_bytes(info.Env(), handle_of(info));
    Napi::Object results = Napi::Object::New(info.Env());
    results.Set("rows", static_cast<double>(rows));
    results.Set("rejected", static_cast<double>(events.rejected));
    results.Set("answers", memory.buffer);
    put_events(results, events);
    return results;
  });
}

// bookCommand(book, slot): null, or what the command caused. slot: command_slot.h, as a BigUint64Array.
Napi::Value book_command(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    book::MatchingBook& book = book_of(info);
    if (info.Length() < 2 || !info[1].IsTypedArray() ||
        info[1].As<Napi::TypedArray>().TypedArrayType() != napi_biguint64_array ||
        info[1].As<Napi::TypedArray>().ElementLength() != kSlotWords) {
      throw Error(ErrorCode::ARG_TYPE, "native book: expected a command slot");
    }
    auto* slot = info[1].As<Napi::BigUint64Array>().Data();
    const book::CommandEvents events = book.apply(command_in(slot), answers_in(slot));
    report_bytes(info.Env(), handle_of(info));
    if (!events.any()) return info.Env().Null();
    Napi::Object caused = Napi::Object::New(info.Env());
    put_events(caused, events);
    return caused;
  });
}

// bookMassCancel(book, owner | null, side | null): number of orders that left
Napi::Value book_mass_cancel(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    book::MatchingBook& book = book_of(info);
    std::optional<orderbook::OwnerId> owner;
    std::optional<orderbook::Side> side;
    if (info.Length() > 1 && !is_nullish(info[1])) {
      owner = static_cast<orderbook::OwnerId>(
          int_argument(info, 1, std::numeric_limits<std::uint32_t>::max(), "owner"));
    }
    if (info.Length() > 2 && !is_nullish(info[2])) {
      side = static_cast<orderbook::Side>(int_argument(info, 2, 1, "side"));
    }
    return Napi::Number::New(info.Env(), static_cast<double>(book.mass_cancel(owner, side)));
  });
}

// bookDepth(book, side, levels): ArrayBuffer of { price i64, quantity u64, orders u64 }, best first
Napi::Value book_depth(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const book::MatchingBook& book = book_of(info);
    std::vector<orderbook::DepthLevel> levels(
        static_cast<std::size_t>(int_argument(info, 2, 1 << 20, "levels")));
    levels.resize(book.depth(side_argument(info), levels));
    std::vector<std::uint64_t> words;
    words.reserve(levels.size() * 3);
    for (const orderbook::DepthLevel& level : levels) {
      words.insert(words.end(),
                   {static_cast<std::uint64_t>(level.price.ticks), level.quantity, level.orders});
    }
    return words_to_js(info.Env(), words);
  });
}

// bookOrders(book, side, stops): ArrayBuffer of 8 words an order: append_view
Napi::Value book_orders(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const book::MatchingBook& book = book_of(info);
    const orderbook::Side side = side_argument(info);
    const auto views = book.orders(side, info.Length() > 2 && info[2].ToBoolean().Value());
    std::vector<std::uint64_t> words;
    words.reserve(views.size() * 8);
    for (const orderbook::OrderView& view : views) append_view(words, view);
    return words_to_js(info.Env(), words);
  });
}

// bookFind(book, id): 8 words, none where there is no such order
Napi::Value book_find(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    std::vector<std::uint64_t> words;
    if (const auto view = book_of(info).find(id_argument(info))) append_view(words, *view);
    return words_to_js(info.Env(), words);
  });
}

// bookQueue(book, id): { orders, quantity } ahead as 2 words, none where it does not rest
Napi::Value book_queue(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    std::vector<std::uint64_t> words;
    if (const auto ahead = book_of(info).queue_position(id_argument(info))) {
      words = {ahead->orders_ahead, ahead->quantity_ahead};
    }
    return words_to_js(info.Env(), words);
  });
}

// bookStats(book): 14 words: the counters in the order of BookStats, then whether there was a trade, its price, bytes
Napi::Value book_stats(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const book::MatchingBook& book = book_of(info);
    const orderbook::BookStats s = book.stats();
    const auto last = book.last_trade_price();
    return words_to_js(info.Env(), {s.accepted_orders, s.trades, s.traded_quantity, s.cancels, s.rejects,
                                    s.triggered_stops, s.crossed_events, s.active_orders, s.pending_stops,
                                    s.bid_levels, s.ask_levels, last.has_value() ? 1u : 0u,
                                    static_cast<std::uint64_t>(last ? last->ticks : 0), book.memory_bytes()});
  });
}

// bookChecksum(book, levelsOnly): bigint
Napi::Value book_checksum(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const bool levels_only = info.Length() > 1 && info[1].ToBoolean().Value();
    return Napi::BigInt::New(info.Env(), book_of(info).checksum(levels_only));
  });
}

// bookSnapshot(book): ArrayBuffer
Napi::Value book_snapshot(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::vector<std::byte> bytes = book_of(info).snapshot();
    Buffer buffer(bytes.size());
    if (!bytes.empty()) std::memcpy(buffer.data(), bytes.data(), bytes.size());
    return buffer_to_js(info.Env(), std::move(buffer));
  });
}

// bookRestore(book, bytes): void
Napi::Value book_restore(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    if (info.Length() < 2) throw Error(ErrorCode::ARG_TYPE, "native book: expected bytes");
    const Bytes bytes = bytes_of(info[1], "snapshot");
    book_of(info).restore({reinterpret_cast<const std::byte*>(bytes.data), bytes.size});
    report_bytes(info.Env(), handle_of(info));
    return info.Env().Undefined();
  });
}

// bookTakeDeltas(book): ArrayBuffer of 5 words a delta: sequence, side, price, quantity, orders
Napi::Value book_take_deltas(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto deltas = book_of(info).take_deltas();
    std::vector<std::uint64_t> words;
    words.reserve(deltas.size() * 5);
    for (const orderbook::LevelDelta& delta : deltas) {
      words.insert(words.end(),
                   {delta.sequence, static_cast<std::uint64_t>(delta.side),
                    static_cast<std::uint64_t>(delta.price.ticks), delta.quantity, delta.orders});
    }
    return words_to_js(info.Env(), words);
  });
}

// bookClose(book): void, idempotent
Napi::Value book_close(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    BookHandle& handle = handle_of(info);
    handle.book.reset();
    report_bytes(info.Env(), handle);
    return info.Env().Undefined();
  });
}

}  // namespace

void register_book(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("bookOpen", book_open);
  add("bookApply", book_apply);
  add("bookCommand", book_command);
  add("bookMassCancel", book_mass_cancel);
  add("bookDepth", book_depth);
  add("bookOrders", book_orders);
  add("bookFind", book_find);
  add("bookQueue", book_queue);
  add("bookStats", book_stats);
  add("bookChecksum", book_checksum);
  add("bookSnapshot", book_snapshot);
  add("bookRestore", book_restore);
  add("bookTakeDeltas", book_take_deltas);
  add("bookClose", book_close);
}

}  // namespace flowstate::binding

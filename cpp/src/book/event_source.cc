#include "book/event_source.h"

#include "flowstate/error.h"
#include "orderbook/feed/binance.h"
#include "orderbook/feed/csv.h"
#include "orderbook/feed/dbn.h"
#include "orderbook/feed/itch.h"
#include "orderbook/feed/lobster.h"
#include "orderbook/feed/lobster_book.h"

namespace flowstate::book {

namespace {

using orderbook::Event;

[[noreturn]] void wrong_input(const char* expected) {
  throw Error(ErrorCode::ARG_TYPE, std::string("native replay: this format takes ") + expected);
}

template <class Reader>
class ReaderSource : public EventSource {
 public:
  explicit ReaderSource(Reader reader) : reader_(std::move(reader)) {}

  void feed(std::span<const std::byte> bytes) override {
    chunk_.assign(bytes.begin(), bytes.end());
    reader_.feed(chunk_);
  }
  void feed(const orderbook::EventColumns&) override { wrong_input("bytes"); }
  void finish() override { reader_.finish(); }
  std::size_t next(std::span<Event> out) override { return reader_.next(out); }
  const orderbook::FeedError* error() const noexcept override { return reader_.error(); }
  orderbook::FeedStats stats() const override { return reader_.stats(); }
  const orderbook::GapLog* gaps() const noexcept override { return &reader_.gaps(); }
  orderbook::PriceScale price_scale() const override { return reader_.price_scale(); }
  std::vector<std::string> symbols() const override {
    std::vector<std::string> names;
    if constexpr (requires { reader_.symbol(0); }) {
      // Names come in no order; the last one with a name ends the list.
      constexpr std::uint32_t kMost = 65'536;
      for (std::uint32_t id = 0; id < kMost; ++id) {
        const std::string_view name = reader_.symbol(id);
        if (name.empty()) continue;
        names.resize(std::size_t{id} + 1);
        names[id] = name;
      }
    }
    return names;
  }

 protected:
  Reader reader_;

 private:
  std::vector<std::byte> chunk_;  // the reader borrows it until next() has returned 0
};

// The first message's book row in its stead, then the messages from the second on.
class SeededLobster final : public ReaderSource<orderbook::LobsterReader> {
 public:
  SeededLobster(orderbook::LobsterReader reader, orderbook::LobsterBookRow row)
      : ReaderSource(std::move(reader)), row_(std::move(row)) {}

  std::size_t next(std::span<Event> out) override {
    if (!is_seeded_) {
      Event first;
      if (reader_.next({&first, 1}) == 0) return 0;
      seed_ = orderbook::lobster_seed_events(row_, first.time_ns, first.instrument);
      for (Event& event : seed_) event.sequence = first.sequence;
      is_seeded_ = true;
    }
    if (taken_ == seed_.size()) return reader_.next(out);
    const std::size_t count = std::min(out.size(), seed_.size() - taken_);
    std::copy_n(seed_.begin() + static_cast<std::ptrdiff_t>(taken_), count, out.begin());
    taken_ += count;
    return count;
  }

 private:
  orderbook::LobsterBookRow row_;
  std::vector<Event> seed_;
  std::size_t taken_ = 0;
  bool is_seeded_ = false;
};

class ColumnsSource final : public EventSource {
 public:
  explicit ColumnsSource(orderbook::PriceScale scale) : scale_(scale) {}

  void feed(std::span<const std::byte>) override { wrong_input("columns"); }
  void feed(const orderbook::EventColumns& columns) override {
    time_ = copy(columns.time_ns);
    kind_ = copy(columns.kind);
    side_ = copy(columns.side);
    price_ = copy(columns.price);
    quantity_ = copy(columns.quantity);
    order_id_ = copy(columns.order_id);
    new_order_id_ = copy(columns.new_order_id);
    sequence_ = copy(columns.sequence);
    instrument_ = copy(columns.instrument);
    flags_ = copy(columns.flags);
    held_ = {time_,     kind_,         side_,     price_,      quantity_,
             order_id_, new_order_id_, sequence_, instrument_, flags_};
    source_.feed(held_);
  }
  void finish() override {}
  std::size_t next(std::span<Event> out) override { return source_.next(out); }
  const orderbook::FeedError* error() const noexcept override { return source_.error(); }
  orderbook::FeedStats stats() const override { return source_.stats(); }
  const orderbook::GapLog* gaps() const noexcept override { return nullptr; }
  orderbook::PriceScale price_scale() const override { return scale_; }

 private:
  template <typename T>
  static std::vector<T> copy(std::span<const T> column) {
    return {column.begin(), column.end()};
  }

  orderbook::ColumnSource source_;
  orderbook::PriceScale scale_;
  orderbook::EventColumns held_;
  std::vector<std::int64_t> time_, price_;
  std::vector<std::uint8_t> kind_, side_, flags_;
  std::vector<std::uint64_t> quantity_, order_id_, new_order_id_, sequence_;
  std::vector<std::uint32_t> instrument_;
};

std::unique_ptr<EventSource> make_lobster(const FeedConfig& config) {
  orderbook::LobsterOptions options;
  options.tick = config.tick;
  options.midnight_ns = config.midnight_ns;
  orderbook::LobsterReader reader(options);
  if (config.seed_row.empty()) {
    return std::make_unique<ReaderSource<orderbook::LobsterReader>>(std::move(reader));
  }
  auto row = orderbook::parse_lobster_book_row(config.seed_row, config.tick);
  if (!row) {
    throw Error(
        ErrorCode::CORRUPT,
        "the first line of the order book file must be ask price, ask size, bid price, bid size for each "
        "level, in whole ticks");
  }
  return std::make_unique<SeededLobster>(std::move(reader), std::move(*row));
}

}  // namespace

std::unique_ptr<EventSource> make_event_source(const FeedConfig& config) {
  switch (config.format) {
    case FeedFormat::kItch: {
      orderbook::ItchOptions options;
      options.tick = config.tick;
      options.midnight_ns = config.midnight_ns;
      options.symbols = config.symbols;
      return std::make_unique<ReaderSource<orderbook::ItchReader>>(orderbook::ItchReader(std::move(options)));
    }
    case FeedFormat::kLobster:
      return make_lobster(config);
    case FeedFormat::kDbn: {
      orderbook::DbnOptions options;
      options.tick = config.tick;
      options.on_gap = config.on_gap;
      if (config.dense_sequences) options.sequences = orderbook::DbnOptions::Sequences::kDense;
      return std::make_unique<ReaderSource<orderbook::DbnReader>>(orderbook::DbnReader(options));
    }
    case FeedFormat::kBinance: {
      orderbook::BinanceOptions options;
      options.tick = config.tick;
      options.price_decimals = config.price_decimals;
      options.quantity_decimals = config.quantity_decimals;
      options.on_gap = config.on_gap;
      options.clear_on_gap = config.clear_on_gap;
      return std::make_unique<ReaderSource<orderbook::BinanceReader>>(
          orderbook::BinanceReader(std::move(options)));
    }
    case FeedFormat::kCsv: {
      orderbook::CsvOptions options;
      options.tick = config.tick;
      options.price_decimals = config.price_decimals;
      options.quantity_decimals = config.quantity_decimals;
      options.dense_sequences = config.dense_sequences;
      options.on_gap = config.on_gap;
      return std::make_unique<ReaderSource<orderbook::CsvReader>>(orderbook::CsvReader(options));
    }
    case FeedFormat::kColumns: {
      std::int64_t units = 1;
      for (std::uint32_t i = 0; i < std::min(config.price_decimals, 18u); ++i) units *= 10;
      return std::make_unique<ColumnsSource>(orderbook::PriceScale{config.tick, units});
    }
  }
  throw Error(ErrorCode::ARG_RANGE, "native replay: no such format");
}

}  // namespace flowstate::book

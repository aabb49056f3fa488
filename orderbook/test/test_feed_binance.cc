// Binance: shapes, continuity by the venue's rules, exact decimals; a real capture whose book must equal bookTicker.
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "orderbook/feed/binance.h"
#include "orderbook/replay/core_book.h"
#include "support/feed_run.h"
#include "support/real_data.h"

using namespace orderbook;
using namespace orderbook::test;

namespace {

BinanceOptions cents() {
  BinanceOptions options;
  options.tick = 1'000'000;
  return options;
}
const auto make = [] { return BinanceReader(cents()); };

std::string update(std::uint64_t first, std::uint64_t last, const std::string& bids, const std::string& asks,
                   const std::string& more = "", const std::string& symbol = "BTCUSDT") {
  return R"({"stream":"x@depth","data":{"e":"depthUpdate","E":1700000000123,"s":")" + symbol + R"(",)" +
         more + R"("U":)" + std::to_string(first) + R"(,"u":)" + std::to_string(last) + R"(,"b":[)" + bids +
         R"(],"a":[)" + asks + "]}}\n";
}
std::string snapshot(std::uint64_t id) {
  return R"({"lastUpdateId":)" + std::to_string(id) +
         R"(,"bids":[["100.10","1.5"],["100.00","2"]],"asks":[["100.20","3"]]})" + "\n";
}
std::vector<std::uint64_t> sequences(const FeedResult& got) {
  std::vector<std::uint64_t> found;
  for (const Event& event : got.events) {
    if (event.kind == EventKind::kLevel && (event.flags & kEventSnapshot) == 0)
      found.push_back(event.sequence);
  }
  return found;
}

}  // namespace

TEST_CASE("Binance: snapshot, updates, trades and tickers") {
  std::string in = "5 " + snapshot(10);
  in += "6 " +
        update(11, 12, R"(["100.10","0.00000000"],["100.05","0.00000001"])", R"(["100.20","3.25000000"])");
  in += R"(7 {"e":"trade","E":1,"s":"BTCUSDT","t":77,"p":"100.20000000","q":"0.5","T":1,"m":false,"M":true})"
        "\r\n";
  in += R"(8 {"e":"aggTrade","E":1,"s":"BTCUSDT","a":78,"p":"100.05","q":"1","f":1,"l":2,"T":1,"m":true})"
        "\n";
  in += R"(9 {"stream":"b","data":{"u":12,"s":"BTCUSDT","b":"100.05","B":"1","a":"100.20","A":"2"}})"
        "\n";
  in += R"({"result":null,"id":1})"
        "\n\n";
  in += "10 " + update(13, 13, "", "");
  std::vector<BinanceTicker> tickers;
  BinanceOptions options = cents();
  options.on_ticker = [&](const BinanceTicker& ticker) { tickers.push_back(ticker); };
  BinanceReader reader(options);
  const FeedResult got = run_feed(reader, in, {}, 3);
  REQUIRE(!got.error);
  REQUIRE(got.events.size() == 9);
  const auto& e = got.events;
  CHECK((e[0].kind == EventKind::kClear && e[0].time_ns == 5 && (e[0].flags & kEventSnapshot) != 0));
  CHECK((e[1].side == Side::kBuy && e[1].price.ticks == 10'010 && e[1].quantity == 150'000'000));
  CHECK(
      (e[3].side == Side::kSell && e[3].flags == (kEventSnapshot | kEventEndOfGroup) && e[3].sequence == 10));
  CHECK((e[4].quantity == 0 && e[4].sequence == 12 && e[4].time_ns == 6 && e[4].flags == 0));
  CHECK(e[5].quantity == 1);
  CHECK((e[6].side == Side::kSell && e[6].flags == kEventEndOfGroup));
  CHECK((e[7].kind == EventKind::kTrade && e[7].side == Side::kSell && e[7].quantity == 50'000'000 &&
         e[7].sequence == 77));
  CHECK((e[8].kind == EventKind::kTrade && e[8].side == Side::kBuy && e[8].sequence == 78));
  REQUIRE(tickers.size() == 1);
  CHECK((tickers[0].update_id == 12 && tickers[0].bid.ticks == 10'005 &&
         tickers[0].ask_quantity == 200'000'000));
  CHECK(tickers[0].time_ns == 9);
  CHECK(got.stats.unknown == 1);
  CHECK(reader.symbol(0) == "BTCUSDT");
  CHECK(reader.price_scale().to_double(Price{10'010}) == 100.10);
  CHECK(same_result(got, read_every_way(make, in)));
}

TEST_CASE("Binance: updates before the snapshot wait, stale ones are dropped, holes are gaps") {
  const std::string level = R"(["100.00","1"])";
  const std::string in = "1 " + update(1, 5, level, "") + "2 " + update(6, 12, level, "") + "3 " +
                         snapshot(10) + "4 " + update(13, 14, level, "") + "5 " + update(14, 15, level, "") +
                         "6 " + update(18, 20, level, "") + "7 " + update(21, 21, level, "") + "8 " +
                         update(19, 20, level, "");
  const FeedResult got = read_every_way(make, in);
  REQUIRE(!got.error);
  CHECK(sequences(got) == std::vector<std::uint64_t>{12, 14, 15, 20, 21});
  CHECK(got.events[4].time_ns == 3);  // known when the snapshot was
  CHECK(got.gaps == 1);
  CHECK(got.stats.stale == 2);
  CHECK(got.stats.time_regressions == 0);

  BinanceOptions stop = cents();
  stop.on_gap = OnGap::kError;
  const FeedResult stopped = read_every_way([&] { return BinanceReader(stop); }, in);
  REQUIRE(stopped.error);
  CHECK(stopped.error->code == FeedErrorCode::kSequenceGap);
  CHECK(stopped.error->message == 6);
  CHECK(sequences(stopped) == std::vector<std::uint64_t>{12, 14, 15});

  BinanceOptions clear = cents();
  clear.clear_on_gap = true;
  const FeedResult cleared = read_every_way([&] { return BinanceReader(clear); }, in + "9 " + snapshot(20));
  CHECK(sequences(cleared) == std::vector<std::uint64_t>{12, 14, 15, 21});
  CHECK(std::count_if(cleared.events.begin(), cleared.events.end(),
                      [](const Event& e) { return e.kind == EventKind::kClear; }) == 3);
}

TEST_CASE("Binance: a first update that starts behind the snapshot is a gap") {
  const FeedResult got =
      read_every_way(make, "1 " + snapshot(10) + "2 " + update(12, 13, R"(["1.00","1"])", ""));
  CHECK(got.gaps == 1);
}

TEST_CASE("Binance: futures follow by pu") {
  const std::string level = R"(["100.00","1"])";
  const FeedResult got = read_every_way(
      make, "1 " + snapshot(10) + "2 " + update(8, 12, level, "", R"("pu":7,)") + "3 " +
                update(15, 16, level, "", R"("pu":12,)") + "4 " + update(20, 21, level, "", R"("pu":18,)"));
  CHECK(got.gaps == 1);
  CHECK(sequences(got) == std::vector<std::uint64_t>{12, 16, 21});
}

TEST_CASE("Binance: plain lines take E, a snapshot names no symbol among several") {
  const FeedResult got = read_every_way(make, snapshot(10) + update(11, 11, R"(["1.00","1"])", ""));
  REQUIRE(!got.error);
  CHECK(got.events.front().time_ns == 0);
  CHECK(got.events.back().time_ns == 1'700'000'000'123'000'000);
  const FeedResult two =
      read_every_way(make, update(1, 1, "", "") + update(1, 1, "", "", "", "ETHUSDT") + snapshot(1));
  REQUIRE(two.error);
  CHECK(two.error->code == FeedErrorCode::kBadField);
}

TEST_CASE("Binance: errors name the line") {
  const std::string good = "1 " + snapshot(10);
  const auto code_of = [&](const std::string& bad) {
    const FeedResult got = read_every_way(make, good + bad + "\n");
    REQUIRE(got.error);
    CHECK(got.events.size() == 4);
    CHECK(got.error->message == 2);
    CHECK(got.error->byte_offset == good.size());
    return got.error->code;
  };
  for (const char* bad :
       {"2", "x {}", "2 [1]", "2 {", R"(2 {"a":})", R"(2 {"a":1} x)", R"(2 {"a" 1})", R"(2 {"a":01})",
        R"(2 {"a":1.})", R"(2 {"a":"\x"})", R"(2 {"a":tru})", R"(2 {'a':1})", R"(2 {"a":1,})",
        R"(2 {"bids":[["1"]]})", R"(2 {"U":-1,"u":18446744073709551616})", R"(2 {"s":"\u0041","u":1})"}) {
    INFO(bad);
    CHECK(code_of(bad) == FeedErrorCode::kBadSyntax);
  }
  std::string deep = "2 {\"a\":";
  for (int i = 0; i < 100; ++i) deep += '[';
  CHECK(code_of(deep) == FeedErrorCode::kBadSyntax);
  const auto price = [](const std::string& p, const std::string& q) {
    std::string line = "2 " + update(11, 12, "[\"" + p + "\",\"" + q + "\"]", "");
    line.pop_back();
    return line;
  };
  CHECK(code_of(price("100.005", "1")) == FeedErrorCode::kNotOnTick);
  CHECK(code_of(price("100.123456789", "1")) == FeedErrorCode::kNotOnTick);
  CHECK(code_of(price("1e2", "1")) == FeedErrorCode::kBadSyntax);
  CHECK(code_of(price("99999999999999", "1")) == FeedErrorCode::kOverflow);
  CHECK(code_of(price("1", "-1")) == FeedErrorCode::kBadSyntax);
  CHECK(code_of(R"(2 {"e":"depthUpdate","s":"BTCUSDT","U":3})") == FeedErrorCode::kBadField);
  CHECK(code_of(R"(2 {"e":"depthUpdate","s":"BTCUSDT","U":3,"u":2,"b":[],"a":[]})") ==
        FeedErrorCode::kBadField);
}

TEST_CASE("Binance: what waits is bounded") {
  BinanceOptions options = cents();
  options.max_waiting_events = 10;
  std::string in;
  for (int i = 1; i <= 100; ++i) in += update(i, i, R"(["1.00","1"])", "");
  const FeedResult got = read_every_way([&] { return BinanceReader(options); }, in + snapshot(90));
  CHECK(!got.error);
  CHECK(got.gaps == 1);  // 91 to 95 were dropped
  CHECK(sequences(got) == std::vector<std::uint64_t>{96, 97, 98, 99, 100});
}

TEST_CASE("Binance: the book from snapshot and updates is bookTicker's at the same update id, always") {
  const auto data = real_data("spot_btcusdt_20240808.raw.gz");
  if (!data) return;
  std::map<std::uint64_t, BinanceTicker> tickers;
  BinanceOptions options = cents();
  options.on_ticker = [&](const BinanceTicker& ticker) { tickers[ticker.update_id] = ticker; };
  BinanceReader reader(options);
  const FeedResult got = run_feed(reader, *data, {}, 4096);
  REQUIRE(!got.error);
  CHECK(got.gaps == 0);
  CHECK(got.stats.unknown == 0);
  CHECK(got.stats.time_regressions == 0);
  CHECK(got.stats.messages == 41'249);
  LevelsBook book;
  BookTouch touch;
  std::size_t compared = 0;
  for (const Event& event : got.events) {
    REQUIRE(book.apply(event, touch) == Reject::kNone);
    if ((event.flags & kEventEndOfGroup) == 0 || event.kind != EventKind::kLevel) continue;
    const auto ticker = tickers.find(event.sequence);
    if (ticker == tickers.end()) continue;
    const Bbo bbo = book.core().bbo();
    const bool same = bbo.bid_price == ticker->second.bid && bbo.ask_price == ticker->second.ask &&
                      bbo.bid_quantity == ticker->second.bid_quantity &&
                      bbo.ask_quantity == ticker->second.ask_quantity;
    if (!same) FAIL_CHECK("update " << event.sequence);
    ++compared;
  }
  CHECK(compared > 100);
  INFO("compared " << compared);
  const std::size_t chunks[] = {65'536, 1, 777};
  BinanceReader again(cents());
  CHECK(same_result(got, run_feed(again, *data, chunks, 100)));
}

// ITCH 5.0: every message by hand, every cut, every way to be wrong.
#include <catch2/catch.hpp>
#include <string>

#include "orderbook/feed/itch.h"
#include "support/feed_run.h"
#include "support/real_data.h"
#include "support/wire.h"

using namespace orderbook;
using namespace orderbook::test;

namespace {

const auto make = [] { return ItchReader(); };

std::string directory(unsigned locate, std::string_view symbol) {
  return itch_framed(itch_head('R', locate, 1).text(symbol, 8).text("", 20).bytes());
}
std::string add(std::uint64_t id, char side, std::uint32_t shares, std::uint32_t price, unsigned locate = 9) {
  return itch_framed(itch_head('A', locate, 100)
                         .be(id, 8)
                         .text({&side, 1}, 1)
                         .be(shares, 4)
                         .text("ABC", 8)
                         .be(price, 4)
                         .bytes());
}

}  // namespace

TEST_CASE("ITCH: each order message becomes its event") {
  std::string in = directory(9, "ABC") + add(1, 'B', 300, 1'000'100);
  in += itch_framed(itch_head('F', 9, 101)
                        .be(2, 8)
                        .text("S", 1)
                        .be(200, 4)
                        .text("ABC", 8)
                        .be(1'000'200, 4)
                        .text("MPID", 4)
                        .bytes());
  in += itch_framed(itch_head('E', 9, 102).be(1, 8).be(50, 4).be(7777, 8).bytes());
  in += itch_framed(
      itch_head('C', 9, 103).be(2, 8).be(20, 4).be(7778, 8).text("Y", 1).be(1'000'150, 4).bytes());
  in += itch_framed(
      itch_head('C', 9, 104).be(2, 8).be(20, 4).be(7779, 8).text("N", 1).be(1'000'150, 4).bytes());
  in += itch_framed(itch_head('X', 9, 105).be(1, 8).be(10, 4).bytes());
  in += itch_framed(itch_head('U', 9, 106).be(1, 8).be(3, 8).be(240, 4).be(1'000'000, 4).bytes());
  in += itch_framed(itch_head('D', 9, 107).be(3, 8).bytes());
  const FeedResult got = read_every_way(make, in);
  REQUIRE(!got.error);
  REQUIRE(got.events.size() == 8);
  const auto& e = got.events;
  CHECK((e[0].kind == EventKind::kAdd && e[0].order_id == 1 && e[0].side == Side::kBuy &&
         e[0].quantity == 300));
  CHECK((e[0].price.ticks == 1'000'100 && e[0].instrument == 9 && e[0].time_ns == 100 && e[0].sequence == 2));
  CHECK((e[1].kind == EventKind::kAdd && e[1].side == Side::kSell && e[1].price.ticks == 1'000'200));
  CHECK((e[2].kind == EventKind::kExecute && e[2].order_id == 1 && e[2].quantity == 50));
  CHECK((e[2].flags & kEventNoPrice) != 0);
  CHECK((e[3].kind == EventKind::kExecute && e[3].price.ticks == 1'000'150 &&
         (e[3].flags & kEventNoPrice) == 0));
  CHECK(e[4].kind == EventKind::kReduce);
  CHECK((e[5].kind == EventKind::kReduce && e[5].quantity == 10));
  CHECK((e[6].kind == EventKind::kReplace && e[6].order_id == 1 && e[6].new_order_id == 3 &&
         e[6].quantity == 240));
  CHECK(e[6].price.ticks == 1'000'000);
  CHECK((e[7].kind == EventKind::kDelete && e[7].order_id == 3 && e[7].time_ns == 107));
  for (const Event& event : e) CHECK((event.flags & kEventEndOfGroup) != 0);
}

TEST_CASE("ITCH: trades, status and the directory") {
  std::string in = directory(12, "XYZ");
  in += itch_framed(
      itch_head('P', 12, 5).be(0, 8).text("B", 1).be(70, 4).text("XYZ", 8).be(123'450, 4).be(1, 8).bytes());
  in += itch_framed(
      itch_head('Q', 12, 6).be(5'000'000'000, 8).text("XYZ", 8).be(123'460, 4).be(2, 8).text("O", 1).bytes());
  in += itch_framed(itch_head('Q', 12, 6).be(0, 8).text("XYZ", 8).be(0, 4).be(2, 8).text("O", 1).bytes());
  in += itch_framed(itch_head('H', 12, 7).text("XYZ", 8).text("H", 1).text("", 1).text("LUDP", 4).bytes());
  in += itch_framed(itch_head('Y', 12, 8).text("XYZ", 8).text("1", 1).bytes());
  in += itch_framed(itch_head('S', 0, 9).text("Q", 1).bytes());
  in += itch_framed("");                                                 // end of session
  in += itch_framed(itch_head('z', 1, 9).text("who knows", 9).bytes());  // unknown
  in += itch_framed(itch_head('L', 1, 9).text("", 15).bytes());          // known, not ours
  ItchReader reader;
  const FeedResult got = run_feed(reader, in, {}, 64);
  REQUIRE(!got.error);
  CHECK(same_result(got, read_every_way(make, in)));
  REQUIRE(got.events.size() == 5);
  CHECK((got.events[0].kind == EventKind::kTrade && got.events[0].quantity == 70 &&
         got.events[0].side == Side::kBuy));
  CHECK((got.events[1].quantity == 5'000'000'000 && (got.events[1].flags & kEventNoSide) != 0));
  CHECK((got.events[2].kind == EventKind::kStatus && feed_status(got.events[2]) == FeedStatus::kHalted));
  CHECK((feed_status(got.events[3]) == FeedStatus::kShortSaleRestriction && got.events[3].quantity == '1'));
  CHECK((feed_status(got.events[4]) == FeedStatus::kSystem && got.events[4].quantity == 'Q'));
  CHECK(got.stats.unknown == 1);
  CHECK(got.stats.skipped == 4);
  CHECK(reader.symbol(12) == "XYZ");
  CHECK(reader.symbol(11).empty());
  CHECK(reader.symbol(60'000).empty());
}

TEST_CASE("ITCH: only the symbols asked for") {
  const std::string in = directory(9, "ABC") + directory(10, "DEF") + add(1, 'B', 1, 100, 9) +
                         add(2, 'B', 1, 100, 10) + add(3, 'B', 1, 100, 11);
  ItchOptions options;
  options.symbols = {"DEF"};
  const FeedResult got = read_every_way([&] { return ItchReader(options); }, in);
  REQUIRE(got.events.size() == 1);
  CHECK(got.events[0].order_id == 2);
}

TEST_CASE("ITCH: errors name the message and the byte") {
  const std::string good = add(1, 'B', 300, 100);
  const auto error_of = [&](const std::string& bad, ItchOptions options = {}) {
    const FeedResult got = read_every_way([&] { return ItchReader(options); }, good + bad);
    REQUIRE(got.error);
    CHECK(got.events.size() == 1);
    CHECK(got.error->message == 2);
    CHECK(got.error->byte_offset == good.size());
    CHECK(!got.error->text.empty());
    return got.error->code;
  };
  CHECK(error_of(good.substr(0, 20)) == FeedErrorCode::kTruncated);
  CHECK(error_of("\x01") == FeedErrorCode::kTruncated);
  CHECK(error_of(itch_framed(itch_head('A', 9, 1).be(1, 8).bytes())) == FeedErrorCode::kBadLength);
  CHECK(error_of(add(2, 'Z', 1, 100)) == FeedErrorCode::kBadField);
  ItchOptions cents;
  cents.tick = 100;
  CHECK(error_of(add(2, 'B', 1, 150), cents) == FeedErrorCode::kNotOnTick);
  ItchOptions late;
  late.midnight_ns = INT64_MAX - 150;
  CHECK(error_of(itch_framed(itch_head('D', 9, 200).be(3, 8).bytes()), late) == FeedErrorCode::kOverflow);
  ItchOptions bad_tick;
  bad_tick.tick = 0;
  const FeedResult none = read_feed([&] { return ItchReader(bad_tick); }, good);
  REQUIRE(none.error);
  CHECK(none.error->code == FeedErrorCode::kBadOption);
}

TEST_CASE("ITCH: prices divide by the tick exactly, for any tick") {
  for (const std::int64_t tick : {1, 2, 3, 5, 7, 10, 100, 250, 1'000'003}) {
    ItchOptions options;
    options.tick = tick;
    for (const std::int64_t price :
         {std::int64_t{0}, tick, tick * 17, std::int64_t{4'294'967'295} / tick * tick}) {
      const FeedResult got =
          read_feed([&] { return ItchReader(options); }, add(1, 'B', 1, static_cast<std::uint32_t>(price)));
      REQUIRE(got.events.size() == 1);
      CHECK(got.events[0].price.ticks == price / tick);
    }
  }
  const feed_detail::ExactDivider quarter(250'000'000);
  std::int64_t q = 0;
  CHECK((quarter.divide(-4'799'250'000'000, q) && q == -19'197));
  CHECK(!quarter.divide(-4'799'250'000'001, q));
  const feed_detail::ExactDivider one(1);
  CHECK((one.divide(INT64_MIN, q) && q == INT64_MIN));
  CHECK((one.divide(INT64_MAX, q) && q == INT64_MAX));
}

TEST_CASE("ITCH: the head of a real day parses to its counts") {
  const auto data = real_data("nasdaq_itch50_head1000msgs.itch.gz");
  if (!data) return;
  ItchReader reader;
  const FeedResult got = run_feed(reader, *data, {}, 256);
  REQUIRE(!got.error);
  CHECK(got.stats.messages == 1000);
  CHECK(got.stats.unknown == 0);
  CHECK(got.stats.skipped == 993);  // R
  int halts = 0, restrictions = 0, system = 0;
  for (const Event& event : got.events) {
    REQUIRE(event.kind == EventKind::kStatus);
    system += feed_status(event) == FeedStatus::kSystem ? 1 : 0;
    restrictions += feed_status(event) == FeedStatus::kShortSaleRestriction ? 1 : 0;
    halts += feed_status(event) == FeedStatus::kTrading || feed_status(event) == FeedStatus::kHalted ? 1 : 0;
  }
  CHECK((halts == 3 && restrictions == 3 && system == 1));
  int symbols = 0;
  for (InstrumentId i = 0; i < 65'536; ++i) symbols += reader.symbol(i).empty() ? 0 : 1;
  CHECK(symbols == 993);
  CHECK(same_result(got, read_every_way(make, *data, 5)));
}

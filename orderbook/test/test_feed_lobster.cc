// LOBSTER: types and times by hand; and 998 rows of a real book, each made from the row before by one message.
#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>
#include <string>

#include "orderbook/feed/lobster.h"
#include "orderbook/feed/lobster_book.h"
#include "orderbook/replay/core_book.h"
#include "support/feed_run.h"
#include "support/real_data.h"

using namespace orderbook;
using namespace orderbook::test;

namespace {

const auto make = [] { return LobsterReader(); };

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<DepthLevel> depth(const PlacesBook& book, Side side, std::size_t most) {
  std::vector<DepthLevel> levels(most);
  levels.resize(book.depth(side, levels));
  for (DepthLevel& level : levels) level.orders = 0;
  return levels;
}

}  // namespace

TEST_CASE("LOBSTER: each type becomes its event") {
  const FeedResult got = read_every_way(make,
                                        "34200.004241176,1,16113575,18,5853300,1\r\n"
                                        "34200.5,2,16113575,8,5853300,1\n"
                                        "34201,3,16113575,10,5853300,1\n"
                                        "\n"
                                        "34201.000000001,4,7,5,5859100,-1\n"
                                        "34201.0000000014,5,0,100,5855050,-1\n"
                                        "34201.0000000016,6,0,9,5855050,-1,null\n"
                                        "34300,7,0,0,-1,-1\n"
                                        "34301,7,0,0,0,-1\n"
                                        "34302,7,0,0,1,-1");
  REQUIRE(!got.error);
  REQUIRE(got.events.size() == 9);
  const auto& e = got.events;
  CHECK((e[0].kind == EventKind::kAdd && e[0].time_ns == 34'200'004'241'176 && e[0].order_id == 16113575));
  CHECK((e[0].side == Side::kBuy && e[0].quantity == 18 && e[0].price.ticks == 5'853'300 &&
         e[0].sequence == 1));
  CHECK((e[1].kind == EventKind::kReduce && e[1].time_ns == 34'200'500'000'000 && e[1].quantity == 8));
  CHECK((e[2].kind == EventKind::kDelete && e[2].time_ns == 34'201'000'000'000));
  CHECK((e[3].kind == EventKind::kExecute && e[3].side == Side::kSell && e[3].time_ns == 34'201'000'000'001));
  CHECK(e[3].sequence == 5);
  CHECK((e[4].kind == EventKind::kTrade && e[4].time_ns == 34'201'000'000'001 && e[4].side == Side::kSell));
  CHECK((e[5].kind == EventKind::kTrade && e[5].time_ns == 34'201'000'000'002 &&
         (e[5].flags & kEventNoSide) != 0));
  CHECK(feed_status(e[6]) == FeedStatus::kHalted);
  CHECK(feed_status(e[7]) == FeedStatus::kQuoting);
  CHECK(feed_status(e[8]) == FeedStatus::kTrading);
}

TEST_CASE("LOBSTER: errors name the line and the byte") {
  const std::string good = "34200.1,1,5,18,5853300,1\n";
  const auto code_of = [&](const std::string& bad, LobsterOptions options = {}) {
    const FeedResult got = read_every_way([&] { return LobsterReader(options); }, good + bad + "\n" + good);
    REQUIRE(got.error);
    CHECK(got.events.size() == 1);
    CHECK(got.error->message == 2);
    CHECK(got.error->byte_offset == good.size());
    return got.error->code;
  };
  CHECK(code_of("1,2,3") == FeedErrorCode::kBadSyntax);
  CHECK(code_of("1,1,5,18,5853300,1,x,y") == FeedErrorCode::kBadSyntax);
  for (const char* time : {"", ".5", "5.", "1e3", "1.2.3", " 1", "nan", "+1"}) {
    CHECK(code_of(std::string(time) + ",1,5,18,5853300,1") == FeedErrorCode::kBadSyntax);
  }
  CHECK(code_of("9300000000,1,5,18,5853300,1") == FeedErrorCode::kOverflow);
  CHECK(code_of("1,1,99999999999999999999,18,5853300,1") == FeedErrorCode::kOverflow);
  CHECK(code_of("1,8,5,18,5853300,1") == FeedErrorCode::kBadField);
  CHECK(code_of("1,11,5,18,5853300,1") == FeedErrorCode::kBadField);
  CHECK(code_of("1,1,5,0,5853300,1") == FeedErrorCode::kBadField);
  CHECK(code_of("1,1,5,-1,5853300,1") == FeedErrorCode::kBadSyntax);
  CHECK(code_of("1,1,5,18,5853300,0") == FeedErrorCode::kBadField);
  CHECK(code_of("1,7,0,0,5,-1") == FeedErrorCode::kBadField);
  LobsterOptions cents;
  cents.tick = 100;
  CHECK(code_of("1,5,0,18,5855050,1", cents) == FeedErrorCode::kNotOnTick);
  LobsterOptions narrow;
  narrow.max_line_bytes = 30;
  CHECK(code_of(std::string(31, '1'), narrow) == FeedErrorCode::kTooLong);
}

TEST_CASE("LOBSTER: every message turns row i-1 of the book into row i") {
  const auto messages = real_data("AAPL_2012-06-21_34200000_57600000_message_10_first998.csv.gz");
  const auto book = real_data("AAPL_2012-06-21_34200000_57600000_orderbook_10_first998.csv.gz");
  if (!messages || !book) return;
  const FeedResult got = read_feed(make, *messages);
  REQUIRE(!got.error);
  const std::vector<std::string> rows = lines_of(*book);
  REQUIRE(got.events.size() == 999);
  REQUIRE(rows.size() == 999);
  CHECK(same_result(got, read_every_way(make, *messages, 5)));
  int exact = 0;
  int hidden = 0;  // sides whose last level came into sight from behind the ten
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto before = parse_lobster_book_row(rows[i - 1]);
    const auto after = parse_lobster_book_row(rows[i]);
    REQUIRE((before && after));
    PlacesBook places;
    BookTouch touch;
    for (const Event& event : lobster_seed_events(*before, 0))
      REQUIRE(places.apply(event, touch) == Reject::kNone);
    bool same = places.apply(got.events[i], touch) == Reject::kNone;
    for (const Side side : {Side::kBuy, Side::kSell}) {
      const auto& expected = side == Side::kBuy ? after->bids : after->asks;
      const std::vector<DepthLevel> found = depth(places, side, 10);
      // A level left, so the tenth is one that row i-1 did not show: it cannot be known, and it is worse than the ninth.
      const bool has_left = found.size() + 1 == expected.size();
      hidden += has_left ? 1 : 0;
      same = same && (has_left || found.size() == expected.size()) &&
             std::equal(found.begin(), found.end(), expected.begin());
      if (has_left) CHECK((side == Side::kBuy) == (expected.back().price < found.back().price));
    }
    exact += same ? 1 : 0;
    if (!same) FAIL_CHECK("message " << i + 1);
  }
  CHECK(exact == 998);
  CHECK(hidden < 400);  // of 1996 sides: the others are compared at all ten levels
}

TEST_CASE("LOBSTER: from row 0 on, levels stay exact up to the nearest one that came from out of sight") {
  const auto messages = real_data("AAPL_2012-06-21_34200000_57600000_message_10_first998.csv.gz");
  const auto book = real_data("AAPL_2012-06-21_34200000_57600000_orderbook_10_first998.csv.gz");
  if (!messages || !book) return;
  const FeedResult got = read_feed(make, *messages);
  const std::vector<std::string> rows = lines_of(*book);
  REQUIRE(got.events.size() == rows.size());
  PlacesBook places;
  BookTouch touch;
  auto before = parse_lobster_book_row(rows[0]);
  for (const Event& event : lobster_seed_events(*before, 0))
    REQUIRE(places.apply(event, touch) == Reject::kNone);
  std::optional<Price> unknown_from[2];
  std::size_t compared = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    (void)places.apply(got.events[i], touch);
    const auto after = parse_lobster_book_row(rows[i]);
    REQUIRE(after);
    for (const Side side : {Side::kBuy, Side::kSell}) {
      const auto is_nearer = [side](Price a, Price b) { return side == Side::kBuy ? a > b : a < b; };
      const auto& old_levels = side == Side::kBuy ? before->bids : before->asks;
      std::vector<DepthLevel> expected = side == Side::kBuy ? after->bids : after->asks;
      std::optional<Price>& limit = unknown_from[static_cast<int>(side)];
      const Price last = expected.back().price;
      const bool was_shown = std::any_of(old_levels.begin(), old_levels.end(),
                                         [&](const DepthLevel& level) { return level.price == last; });
      const bool was_added = got.events[i].kind == EventKind::kAdd && got.events[i].price == last;
      if (!was_shown && !was_added && (!limit || is_nearer(last, *limit))) limit = last;
      std::vector<DepthLevel> found = depth(places, side, 40);
      const auto is_unknown = [&](const DepthLevel& level) {
        return limit && !is_nearer(level.price, *limit);
      };
      std::erase_if(expected, is_unknown);
      std::erase_if(found, is_unknown);
      found.resize(std::min<std::size_t>(found.size(), 10));
      compared += expected.size();
      if (found != expected) FAIL_CHECK("row " << i);
    }
    before = after;
  }
  CHECK(compared > 5'000);  // of 19,960
}

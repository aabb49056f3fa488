// Tables of events: as CSV and as columns, the same events; and numbers out of text.
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "orderbook/feed/columns.h"
#include "orderbook/feed/csv.h"
#include "support/feed_run.h"

using namespace orderbook;
using namespace orderbook::test;

namespace {
const auto make = [] { return CsvReader(); };
const std::string kHeader = "time_ns,kind,side,price,quantity,order_id\n";
}  // namespace

TEST_CASE("CSV: columns by name, kinds by name or number, empty fields") {
  const FeedResult got =
      read_every_way(make,
                     "order_id,kind,time_ns,side,price,quantity,instrument,new_order_id,sequence,flags\r\n"
                     "5,add,-7,buy,-101,30,2,,900,3\r\n"
                     "5,4,8,,102,31,2,6,,0\n"
                     "6,delete,9,,,,2,,,1");
  REQUIRE(!got.error);
  REQUIRE(got.events.size() == 3);
  const auto& e = got.events;
  CHECK((e[0].kind == EventKind::kAdd && e[0].time_ns == -7 && e[0].side == Side::kBuy &&
         e[0].price.ticks == -101));
  CHECK((e[0].sequence == 900 && e[0].flags == (kEventEndOfGroup | kEventSnapshot) && e[0].instrument == 2));
  CHECK((e[1].kind == EventKind::kReplace && e[1].new_order_id == 6 && e[1].sequence == 2 &&
         e[1].flags == kEventNoSide));
  CHECK((e[2].kind == EventKind::kDelete && e[2].flags == (kEventEndOfGroup | kEventNoSide | kEventNoPrice)));
}

TEST_CASE("CSV: decimals become ticks exactly") {
  CsvOptions options;
  options.price_decimals = 2;
  options.quantity_decimals = 3;
  options.tick = 5;
  const FeedResult got = read_every_way([&] { return CsvReader(options); },
                                        kHeader + "1,add,bid,10.15,0.25,1\n2,level,ask,-0.10,7,0\n");
  REQUIRE(!got.error);
  CHECK((got.events[0].price.ticks == 203 && got.events[0].quantity == 250));
  CHECK((got.events[1].price.ticks == -2 && got.events[1].quantity == 7'000));
  CHECK(CsvReader(options).price_scale().to_double(Price{203}) == 10.15);
}

TEST_CASE("CSV: errors name the line") {
  const auto code_of = [&](const std::string& bad) {
    const FeedResult got = read_every_way(make, kHeader + "1,add,buy,1,1,1\n" + bad + "\n");
    REQUIRE(got.error);
    CHECK(got.events.size() == 1);
    CHECK(got.error->message == 3);
    CHECK(got.error->byte_offset == kHeader.size() + 16);
    return got.error->code;
  };
  CHECK(code_of("1,add,buy,1,1") == FeedErrorCode::kBadSyntax);
  CHECK(code_of("1,add,buy,1,1,1,1") == FeedErrorCode::kBadSyntax);
  CHECK(code_of("x,add,buy,1,1,1") == FeedErrorCode::kBadSyntax);
  CHECK(code_of("1,add,buy,1.5,1,1") == FeedErrorCode::kNotOnTick);
  CHECK(code_of("1,grow,buy,1,1,1") == FeedErrorCode::kBadField);
  CHECK(code_of("1,10,buy,1,1,1") == FeedErrorCode::kBadField);
  CHECK(code_of("1,add,up,1,1,1") == FeedErrorCode::kBadField);
  CHECK(code_of("1,add,,1,1,1") == FeedErrorCode::kBadField);
  CHECK(code_of("1,add,buy,,1,1") == FeedErrorCode::kBadField);
  CHECK(code_of("1,add,buy,1,1,18446744073709551616") == FeedErrorCode::kOverflow);
  CHECK(code_of("9223372036854775808,add,buy,1,1,1") == FeedErrorCode::kOverflow);
  for (const char* header :
       {"time_ns,kin\n", "time_ns\n", "time_ns,kind,kind\n", "kind\n", "a,b,c,d,e,f,g,h,i,j,k\n"}) {
    const FeedResult got = read_every_way(make, header);
    REQUIRE(got.error);
    CHECK(got.error->message == 1);
  }
}

TEST_CASE("CSV: dense sequences have no holes, or tell") {
  CsvOptions options;
  options.dense_sequences = true;
  const std::string in = "time_ns,kind,sequence\n1,status,4\n1,status,5\n1,status,8\n";
  CHECK(read_every_way([&] { return CsvReader(options); }, in).gaps == 1);
  options.on_gap = OnGap::kError;
  const FeedResult got = read_every_way([&] { return CsvReader(options); }, in);
  REQUIRE(got.error);
  CHECK(got.error->code == FeedErrorCode::kSequenceGap);
}

TEST_CASE("columns give the events that the same table gives as CSV") {
  std::mt19937_64 random(11);
  std::vector<std::int64_t> time_ns, price;
  std::vector<std::uint8_t> kind, side, flags;
  std::vector<std::uint64_t> quantity, order_id, new_order_id, sequence;
  std::vector<std::uint32_t> instrument;
  std::string csv = "time_ns,kind,side,price,quantity,order_id,new_order_id,sequence,instrument,flags\n";
  for (int i = 0; i < 500; ++i) {
    time_ns.push_back(static_cast<std::int64_t>(random()));
    kind.push_back(static_cast<std::uint8_t>(random() % 10));
    side.push_back(static_cast<std::uint8_t>(random() % (kind.back() == 0 || kind.back() == 7 ? 2 : 3)));
    price.push_back(static_cast<std::int64_t>(random()));
    quantity.push_back(random());
    order_id.push_back(random());
    new_order_id.push_back(random());
    sequence.push_back(random());
    instrument.push_back(static_cast<std::uint32_t>(random()));
    flags.push_back(static_cast<std::uint8_t>(random() % 4));
    const char* sides[] = {"buy", "sell", ""};
    csv += std::to_string(time_ns.back()) + ',' + std::to_string(kind.back()) + ',' + sides[side.back()] +
           ',' + std::to_string(price.back()) + ',' + std::to_string(quantity.back()) + ',' +
           std::to_string(order_id.back()) + ',' + std::to_string(new_order_id.back()) + ',' +
           std::to_string(sequence.back()) + ',' + std::to_string(instrument.back()) + ',' +
           std::to_string(flags.back()) + '\n';
  }
  const FeedResult expected = read_feed(make, csv);
  REQUIRE(!expected.error);
  ColumnSource source;
  source.feed({time_ns, kind, side, price, quantity, order_id, new_order_id, sequence, instrument, flags});
  std::vector<Event> got;
  std::vector<Event> batch(7);
  while (const std::size_t count = source.next(batch))
    got.insert(got.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(count));
  REQUIRE(source.error() == nullptr);
  REQUIRE(got.size() == expected.events.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(same_event(got[i], expected.events[i]));
}

TEST_CASE("columns: bad batches are refused, bad rows are named") {
  const std::vector<std::int64_t> time_ns = {1, 2};
  const std::vector<std::uint8_t> kind = {9, 10};
  ColumnSource source;
  EventColumns columns;
  columns.time_ns = time_ns;
  source.feed(columns);
  REQUIRE(source.error() != nullptr);
  CHECK(source.error()->code == FeedErrorCode::kBadLength);
  ColumnSource second;
  columns.kind = kind;
  second.feed(columns);
  std::vector<Event> events(8);
  CHECK(second.next(events) == 1);
  REQUIRE(second.error() != nullptr);
  CHECK(second.error()->message == 2);
  CHECK(events[0].sequence == 1);
}

TEST_CASE("decimals are exact or refused") {
  using namespace feed_detail;
  std::int64_t value = 0;
  CHECK((parse_decimal("92233720368.54775807", 8, Surplus::kExact, value) == ParseStatus::kOk &&
         value == INT64_MAX));
  CHECK(parse_decimal("92233720368.54775808", 8, Surplus::kExact, value) == ParseStatus::kOverflow);
  CHECK((parse_decimal("-92233720368.54775808", 8, Surplus::kExact, value) == ParseStatus::kOk &&
         value == INT64_MIN));
  CHECK((parse_decimal("0.100000000000", 1, Surplus::kExact, value) == ParseStatus::kOk && value == 1));
  CHECK(parse_decimal("0.11", 1, Surplus::kExact, value) == ParseStatus::kInexact);
  CHECK((parse_decimal("0.15", 1, Surplus::kRound, value) == ParseStatus::kOk && value == 2));
  CHECK((parse_decimal("0.1499999", 1, Surplus::kRound, value) == ParseStatus::kOk && value == 1));
  CHECK((parse_decimal("7", 0, Surplus::kExact, value) == ParseStatus::kOk && value == 7));
  for (const char* bad : {"", "-", ".", "1.", ".1", "--1", "1-", "1.1.1", "0x1", " 1"}) {
    CHECK(parse_decimal(bad, 2, Surplus::kExact, value) == ParseStatus::kSyntax);
  }
}

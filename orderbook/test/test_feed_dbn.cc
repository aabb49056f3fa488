// DBN: header of three versions, every action, flags, sequences, errors; a real day of ES.
#include <catch2/catch.hpp>
#include <string>

#include "orderbook/feed/dbn.h"
#include "orderbook/replay/core_book.h"
#include "support/feed_run.h"
#include "support/real_data.h"
#include "support/wire.h"

using namespace orderbook;
using namespace orderbook::test;

namespace {

constexpr std::int64_t kUndefined = INT64_MAX;

DbnOptions es() {
  DbnOptions options;
  options.tick = 250'000'000;
  return options;
}
const auto make = [] { return DbnReader(es()); };

}  // namespace

TEST_CASE("DBN: each action becomes its event") {
  DbnRecord r{.side = 'A',
              .order_id = 5,
              .price = 4'799'250'000'000,
              .size = 3,
              .flags = 0x28,
              .ts_recv = 70,
              .ts_event = 60,
              .sequence = 9};
  std::string in = dbn_header(1) + dbn_record(r);
  for (const char action : {'M', 'C', 'T', 'F', 'R', 'N'}) {
    r.action = action;
    r.flags = action == 'R' ? 0x80u : 0u;
    if (action == 'R') r.price = kUndefined, r.side = 'N';
    in += dbn_record(r);
  }
  const FeedResult got = read_every_way(make, in);
  REQUIRE(!got.error);
  REQUIRE(got.events.size() == 5);
  const auto& e = got.events;
  CHECK(
      (e[0].kind == EventKind::kAdd && e[0].side == Side::kSell && e[0].order_id == 5 && e[0].quantity == 3));
  CHECK((e[0].price.ticks == 19'197 && e[0].time_ns == 70 && e[0].sequence == 9 && e[0].instrument == 7));
  CHECK(e[0].flags == kEventSnapshot);
  CHECK((e[1].kind == EventKind::kModify && e[1].flags == 0));
  CHECK((e[2].kind == EventKind::kReduce && e[2].quantity == 3));
  CHECK((e[3].kind == EventKind::kTrade && e[3].side == Side::kBuy));  // the aggressor sold
  CHECK((e[4].kind == EventKind::kClear && (e[4].flags & kEventEndOfGroup) != 0));
  CHECK(got.stats.skipped == 2);
  DbnOptions options = es();
  options.fills = true;
  options.time = DbnOptions::Time::kEvent;
  const FeedResult fills = read_feed([&] { return DbnReader(options); }, in);
  REQUIRE(fills.events.size() == 6);
  CHECK((fills.events[4].kind == EventKind::kTrade && fills.events[4].side == Side::kSell &&
         fills.events[4].order_id == 5));
  CHECK(fills.events[0].time_ns == 60);
}

TEST_CASE("DBN: versions 1 to 3, records with ts_out, records of other types") {
  for (const unsigned version : {1u, 2u, 3u}) {
    const DbnRecord r{.price = 250'000'000, .ts_recv = 1};
    const std::string in = dbn_header(version, version == 3 ? 0xFFFF : 0) + dbn_record(r, 0xA0, 8) +
                           dbn_record(r, 0x17) + dbn_record(r);
    DbnReader reader(es());
    const FeedResult got = run_feed(reader, in, {}, 16);
    REQUIRE(!got.error);
    CHECK(got.events.size() == 2);
    CHECK(got.stats.unknown == 1);
    REQUIRE(reader.metadata() != nullptr);
    CHECK(reader.metadata()->version == version);
    CHECK(reader.metadata()->dataset == "GLBX.MDP3");
    CHECK(reader.metadata()->symbols == std::vector<std::string>{"ESH4"});
    REQUIRE(reader.metadata()->mappings.size() == 1);
    CHECK(reader.metadata()->mappings[0] == std::pair<InstrumentId, std::string>{7, "ESH4"});
    CHECK(same_result(got, read_every_way(make, in)));
  }
}

TEST_CASE("DBN: a header that is not one") {
  const auto code_of = [](const std::string& in, DbnOptions options = {}) {
    const FeedResult got = read_every_way([&] { return DbnReader(options); }, in);
    REQUIRE(got.error);
    CHECK(got.error->message == 0);
    CHECK(got.events.empty());
    return got.error->code;
  };
  const std::string record = dbn_record({.price = 0});
  CHECK(code_of("") == FeedErrorCode::kTruncated);
  CHECK(code_of("DBN") == FeedErrorCode::kTruncated);
  CHECK(code_of(dbn_header(1).substr(0, 100)) == FeedErrorCode::kTruncated);
  CHECK(code_of("PAR1PAR1PAR1") == FeedErrorCode::kBadMagic);
  CHECK(code_of("\x28\xB5\x2F\xFD and more") == FeedErrorCode::kBadMagic);
  CHECK(code_of(dbn_header(4) + record) == FeedErrorCode::kUnsupportedVersion);
  CHECK(code_of(dbn_header(1, 1) + record) == FeedErrorCode::kBadField);
  DbnOptions small;
  small.max_metadata_bytes = 100;
  CHECK(code_of(dbn_header(1) + record, small) == FeedErrorCode::kTooLong);
  std::string lying = dbn_header(1);  // four thousand million symbols in 22 bytes
  lying[0x70] = lying[0x71] = lying[0x72] = lying[0x73] = '\xFF';
  CHECK(code_of(lying + record) == FeedErrorCode::kBadField);
}

TEST_CASE("DBN: errors name the record and the byte") {
  const std::string good = dbn_header(1) + dbn_record({.price = 250'000'000, .ts_recv = 1});
  const auto code_of = [&](const std::string& bad) {
    const FeedResult got = read_every_way(make, good + bad);
    REQUIRE(got.error);
    CHECK(got.events.size() == 1);
    CHECK(got.error->message == 2);
    CHECK(got.error->byte_offset == good.size());
    return got.error->code;
  };
  CHECK(code_of(dbn_record({}).substr(0, 30)) == FeedErrorCode::kTruncated);
  CHECK(code_of(std::string(16, '\0')) == FeedErrorCode::kBadLength);
  CHECK(code_of("\x03" + std::string(11, '\0')) == FeedErrorCode::kBadLength);
  CHECK(code_of("\x05\xA0" + std::string(18, '\0')) == FeedErrorCode::kBadLength);
  CHECK(code_of(dbn_record({.action = 'Z'})) == FeedErrorCode::kBadField);
  CHECK(code_of(dbn_record({.side = 'x'})) == FeedErrorCode::kBadField);
  CHECK(code_of(dbn_record({.side = 'N'})) == FeedErrorCode::kBadField);
  CHECK(code_of(dbn_record({.price = kUndefined})) == FeedErrorCode::kBadField);
  CHECK(code_of(dbn_record({.ts_recv = ~std::uint64_t{0}})) == FeedErrorCode::kBadField);
  CHECK(code_of(dbn_record({.price = 250'000'001})) == FeedErrorCode::kNotOnTick);
}

TEST_CASE("DBN: holes in a dense channel are told, or stop the reader") {
  std::string in = dbn_header(1);
  for (const std::uint32_t sequence : {5u, 5u, 6u, 9u, 10u, 4u})
    in += dbn_record({.ts_recv = 1, .sequence = sequence});
  DbnOptions options;
  options.sequences = DbnOptions::Sequences::kDense;
  DbnReader reader(options);
  const FeedResult report = run_feed(reader, in, {}, 16);
  CHECK(!report.error);
  CHECK(report.events.size() == 6);
  REQUIRE(reader.gaps().count() == 2);
  CHECK(reader.gaps().first()[0].expected == 7);
  CHECK(reader.gaps().first()[0].found == 9);
  CHECK(reader.gaps().first()[0].message == 4);
  CHECK(reader.gaps().first()[1].found == 4);
  options.on_gap = OnGap::kError;
  const FeedResult stop = read_every_way([&] { return DbnReader(options); }, in);
  REQUIRE(stop.error);
  CHECK(stop.error->code == FeedErrorCode::kSequenceGap);
  CHECK(stop.events.size() == 3);
}

TEST_CASE("DBN: a day of ES has no unknown cancel or modify and no negative level") {
  const auto data = real_data("esh4-glbx-mdp3-20231225.mbo.dbn.zst");
  if (!data) return;
  DbnReader reader(es());
  const FeedResult got = run_feed(reader, *data, {}, 4096);
  REQUIRE(!got.error);
  CHECK(got.stats.messages == 68'792);
  CHECK(got.stats.time_regressions == 0);
  CHECK(got.stats.skipped == 6'371);  // F
  std::size_t snapshot = 0;
  FullBook full;
  LevelsBook levels;
  BookTouch touch;
  std::size_t refused = 0;
  for (const Event& event : got.events) {
    snapshot += (event.flags & kEventSnapshot) != 0 ? 1 : 0;
    touch.clear();
    refused += full.apply(event, touch) == Reject::kNone ? 0 : 1;
    refused += levels.apply(event, touch) == Reject::kNone ? 0 : 1;
  }
  CHECK(snapshot == 8'725);
  CHECK(refused == 0);
  CHECK(full.core().check_invariants().empty());
  CHECK(full.core().level_checksum() == levels.core().level_checksum());
  CHECK(full.core().bbo().has_bid());
  CHECK(full.core().bbo().bid_price < full.core().bbo().ask_price);
  DbnOptions with_fills = es();
  with_fills.fills = true;
  CHECK(read_feed([&] { return DbnReader(with_fills); }, *data).events.size() == 68'792);
  CHECK(same_result(got, read_every_way(make, *data, 2)));
}

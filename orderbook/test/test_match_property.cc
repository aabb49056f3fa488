// The book against the naive book under random commands of every kind. ORDERBOOK_PROPERTY_COMMANDS sets how many
// (100000000 for the long run), ORDERBOOK_PROPERTY_SEED where they start.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "support/twin.h"

namespace {

using namespace orderbook;
using support::CommandMix;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kCommands = 100'000;
#else
constexpr std::uint64_t kCommands = 1'000'000;
#endif

// Runs a share of the commands and returns the number of trades.
template <class Arena>
std::uint64_t run(const CommandMix& mix, BookOptions options, naive::Settings settings,
                  std::uint64_t percent) {
  const std::uint64_t seed = from_environment("ORDERBOOK_PROPERTY_SEED", 1) * 1000 + percent;
  const std::uint64_t commands = from_environment("ORDERBOOK_PROPERTY_COMMANDS", kCommands) * percent / 100;
  options.books = mix.books;
  options.expected_orders = 64;  // so that everything grows
  options.window_ticks = 64;     // and the window moves
  support::RandomSource source(seed);
  support::CommandGenerator generator(source, mix);
  support::Twin<Arena> twin(options, settings);
  for (std::uint64_t i = 0; i < commands; ++i) {
    const std::string why = twin.step(generator.next());
    if (!why.empty()) {
      INFO("seed " << seed << ", command " << i);
      FAIL(why);
    }
  }
  const std::string why = twin.finish();
  if (!why.empty()) FAIL(why);
  return twin.trades();
}

template <class Q, template <class> class I, class L>
using Arena = BookArena<Q, I, L, support::Teller>;
using Narrow = FifoQueue<std::uint32_t>;
using Wide = FifoQueue<std::uint64_t>;

}  // namespace

TEST_CASE("a hashed ladder book agrees with the naive book after every command") {
  CommandMix mix;
  mix.sparse_ids = true;
  CHECK(run<Arena<Narrow, HashedIndex, LadderLevels>>(mix, {}, {}, 40) > 0);
}

TEST_CASE("a dense ladder book agrees with the naive book after every command") {
  CHECK(run<Arena<Narrow, DirectIndex, LadderLevels>>({}, {}, {}, 20) > 0);
}

TEST_CASE("a book that only matches is never crossed and agrees with the naive book") {
  CommandMix mix;
  mix.replays = false;
  mix.extremes = false;
  CHECK(run<Arena<Narrow, DirectIndex, LadderLevels>>(mix, {}, {}, 15) > 0);
}

TEST_CASE("books of an arena agree with as many naive books") {
  CommandMix mix;
  mix.books = 3;
  CHECK(run<Arena<Narrow, HashedIndex, LadderLevels>>(mix, {}, {}, 10) > 0);
}

TEST_CASE("a wide book in trees agrees with the naive book where sums could overflow") {
  CommandMix mix;
  mix.wide_quantities = true;
  mix.recent_ids = 64;
  naive::Settings settings;
  settings.max_quantity = std::numeric_limits<Quantity>::max();
  settings.limits_sum = true;
  CHECK(run<Arena<Wide, HashedIndex, TreeLevels>>(mix, {}, settings, 5) > 0);
}

TEST_CASE("a book with a price range that refuses crossing events agrees with the naive book") {
  BookOptions options;
  options.min_price = Price{-100};
  options.max_price = Price{3000};
  options.reject_crossed = true;
  naive::Settings settings;
  settings.min_price = -100;
  settings.max_price = 3000;
  settings.reject_crossed = true;
  CHECK(run<Arena<Narrow, HashedIndex, LadderLevels>>({}, options, settings, 10) > 0);
}

// The Binance reader on any bytes.
#include "feed_target.h"
#include "orderbook/feed/binance.h"

using namespace orderbook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  BinanceOptions options;
  options.clear_on_gap = data[size / 2] % 2 == 0;
  options.max_waiting_events = 64;
  options.on_ticker = [](const BinanceTicker&) {};
  return fuzz::check(data, size, [&] { return BinanceReader(options); });
}

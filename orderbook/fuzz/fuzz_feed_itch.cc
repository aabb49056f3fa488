// The Itch reader on any bytes.
#include "feed_target.h"
#include "orderbook/feed/itch.h"

using namespace orderbook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  ItchOptions options;
  options.tick = data[size / 2] % 3 == 0 ? 100 : 1;
  return fuzz::check(data, size, [&] { return ItchReader(options); });
}

// The Lobster reader on any bytes.
#include "feed_target.h"
#include "orderbook/feed/lobster.h"

using namespace orderbook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  LobsterOptions options;
  options.max_line_bytes = 128;
  return fuzz::check(data, size, [&] { return LobsterReader(options); });
}

// The Dbn reader on any bytes.
#include "feed_target.h"
#include "orderbook/feed/dbn.h"

using namespace orderbook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  DbnOptions options;
  options.tick = data[size / 2] % 3 == 0 ? 250'000'000 : 1;
  options.sequences = data[size / 2] % 2 == 0 ? DbnOptions::Sequences::kDense : DbnOptions::Sequences::kAny;
  options.fills = data[size / 2] % 5 == 0;
  return fuzz::check(data, size, [&] { return DbnReader(options); });
}

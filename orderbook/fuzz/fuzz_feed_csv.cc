// The Csv reader on any bytes.
#include "feed_target.h"
#include "orderbook/feed/csv.h"

using namespace orderbook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  CsvOptions options;
  options.price_decimals = data[size / 2] % 4;
  options.dense_sequences = data[size / 2] % 2 == 0;
  options.max_line_bytes = 256;
  return fuzz::check(data, size, [&] { return CsvReader(options); });
}

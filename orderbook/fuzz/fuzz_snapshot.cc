// Any bytes as a snapshot: an error, or a sound book whose snapshot is those bytes again. The checksum is mended first,
// or the fuzzer would never get past it.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "orderbook/orderbook.h"

namespace {

using namespace orderbook;

template <class Book>
void check(std::span<const std::byte> bytes, const BookOptions& options) {
  Book book(options);
  const SnapshotError error = book.restore(bytes);
  if (!book.check_invariants().empty()) std::abort();
  if (error == SnapshotError::kNone) {
    const std::vector<std::byte> again = book.snapshot();
    if (again.size() != bytes.size() || !std::equal(again.begin(), again.end(), bytes.begin())) std::abort();
  } else if (book.stats().active_orders + book.stats().bid_levels + book.stats().ask_levels != 0) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 1 << 16) return 0;
  // The body from the input, magic and kind in front of it, its digest behind.
  const std::uint64_t kind = data[0] % 4;
  detail::WordWriter out;
  out.add(detail::kSnapshotMagic | detail::kSnapshotVersion << 48);
  out.add(kind);
  detail::WordReader in(std::as_bytes(std::span(data, size).subspan(1)));
  for (std::size_t i = 0; i < (size - 1) / 8; ++i) out.add(in.next());
  const std::vector<std::byte> bytes = out.finish();
  BookOptions options;
  options.window_ticks = 64;
  options.expected_orders = 8;
  options.expected_ids = 8;
  options.max_dense_id = 1 << 16;
  check<OrderBook>(bytes, options);
  check<WideOrderBook>(bytes, options);
  check<DenseOrderBook>(bytes, options);
  check<LevelBook>(bytes, options);
  check<PriceBook>(bytes, options);
  if (OrderBook book(options); book.restore(std::as_bytes(std::span(data, size))) == SnapshotError::kNone)
    std::abort();
  return 0;
}

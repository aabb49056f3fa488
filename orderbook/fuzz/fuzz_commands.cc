// The fuzzer's bytes as commands to the book and to the naive book: they must agree after every one, and the book's
// invariants must hold. The first byte chooses the policies.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "support/twin.h"

namespace {

using namespace orderbook;

// Bytes until they end. A word takes two, spread over 64 bits only where asked to be extreme, so that small changes to
// the input are small changes to the commands.
class ByteSource {
 public:
  explicit ByteSource(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::uint64_t next() {
    std::uint64_t word = 0;
    for (int i = 0; i < 2 && !bytes_.empty(); ++i) {
      word = word << 8 | bytes_.front();
      bytes_ = bytes_.subspan(1);
    }
    return word >= 0xFF00 ? word * 0x9E3779B97F4A7C15ull : word;
  }
  bool is_over() const { return bytes_.empty(); }

 private:
  std::span<const std::uint8_t> bytes_;
};

template <class Q, template <class> class I, class L>
void run(ByteSource& source, const support::CommandMix& mix, BookOptions options,
         const naive::Settings& settings) {
  options.books = mix.books;
  options.expected_orders = 8;
  options.expected_ids = 8;
  options.window_ticks = 64;
  options.max_dense_id = 1 << 20;
  support::CommandGenerator generator(source, mix);
  support::Twin<BookArena<Q, I, L, support::Teller>> twin(options, settings);
  while (!source.is_over()) {
    const std::string why = twin.step(generator.next());
    if (!why.empty()) {
      std::fprintf(stderr, "%s\n", why.c_str());
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 1 << 14) return 0;
  ByteSource source(std::span(data, size).subspan(1));
  support::CommandMix mix;
  naive::Settings settings;
  BookOptions options;
  switch (data[0] % 5) {
    case 0:
      run<FifoQueue<std::uint32_t>, HashedIndex, LadderLevels>(source, mix, options, settings);
      break;
    case 1:
      run<FifoQueue<std::uint32_t>, DirectIndex, LadderLevels>(source, mix, options, settings);
      break;
    case 2:
      mix.books = 2;
      run<FifoQueue<std::uint32_t>, HashedIndex, LadderLevels>(source, mix, options, settings);
      break;
    case 3:
      mix.wide_quantities = true;
      settings.max_quantity = ~Quantity{0};
      settings.limits_sum = true;
      run<FifoQueue<std::uint64_t>, HashedIndex, TreeLevels>(source, mix, options, settings);
      break;
    default:
      options.reject_crossed = settings.reject_crossed = true;
      options.min_price = Price{settings.min_price = 900};
      options.max_price = Price{settings.max_price = 1100};
      run<FifoQueue<std::uint32_t>, HashedIndex, LadderLevels>(source, mix, options, settings);
      break;
  }
  return 0;
}

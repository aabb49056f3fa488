// The header of a DBN file: fixed 100 bytes, then lists of symbols and of what they map to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orderbook/feed/detail/bytes.h"
#include "orderbook/feed/detail/number.h"
#include "orderbook/types.h"

namespace orderbook {

struct DbnMetadata {
  static constexpr std::uint16_t kSchemaMbo = 0;
  static constexpr std::uint16_t kSchemaMixed = 0xFFFF;

  std::uint8_t version = 0;
  std::string dataset;
  std::uint16_t schema = 0;
  TimestampNs start_ns = 0;
  std::vector<std::string> symbols;                            // as asked for
  std::vector<std::pair<InstrumentId, std::string>> mappings;  // where the file maps names to instrument ids
};

namespace feed_detail {

// Takes bytes off the front, and is sticky: after a short read everything is zero and `ok` false.
class ByteCursor {
 public:
  explicit ByteCursor(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] std::span<const std::byte> take(std::size_t size) noexcept {
    if (size > bytes_.size()) {
      is_short_ = true;
      bytes_ = {};
      return {};
    }
    const auto taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }
  template <typename T>
  [[nodiscard]] T take_le() noexcept {
    const auto bytes = take(sizeof(T));
    return bytes.empty() ? T{0} : load_le<T>(bytes.data());
  }
  [[nodiscard]] std::string take_text(std::size_t size) {
    const auto bytes = take(size);
    const auto end = std::find(bytes.begin(), bytes.end(), std::byte{0});
    std::string text(static_cast<std::size_t>(end - bytes.begin()), '\0');
    std::transform(bytes.begin(), end, text.begin(), [](std::byte b) { return static_cast<char>(b); });
    return text;
  }
  [[nodiscard]] bool is_short() const noexcept { return is_short_; }

 private:
  std::span<const std::byte> bytes_;
  bool is_short_ = false;
};

// False with `problem` told. Lists are as long as the bytes that are there, whatever their counts claim.
[[nodiscard]] inline bool parse_dbn_metadata(std::span<const std::byte> bytes, std::uint8_t version,
                                             DbnMetadata& out, std::string& problem) {
  constexpr std::size_t kSymbolBytesV1 = 22;
  ByteCursor in(bytes);
  out.version = version;
  out.dataset = in.take_text(16);
  out.schema = in.take_le<std::uint16_t>();
  out.start_ns = static_cast<TimestampNs>(in.take_le<std::uint64_t>());
  (void)in.take(8 + 8);                // end, limit
  if (version == 1) (void)in.take(8);  // number of records, mostly undefined
  (void)in.take(3);                    // symbology in and out, ts_out
  const std::size_t symbol_bytes = version == 1 ? kSymbolBytesV1 : in.take_le<std::uint16_t>();
  (void)in.take(version == 1 ? 47 : 53);
  (void)in.take(in.take_le<std::uint32_t>());  // schema definition, none so far
  if (!in.is_short() && symbol_bytes == 0) {
    problem = "symbols of no bytes";
    return false;
  }
  for (auto left = in.take_le<std::uint32_t>(); left > 0 && !in.is_short(); --left) {
    out.symbols.push_back(in.take_text(symbol_bytes));
  }
  for (int list = 0; list < 2; ++list) {  // symbols resolved in part, not at all
    for (auto left = in.take_le<std::uint32_t>(); left > 0 && !in.is_short(); --left) {
      (void)in.take(symbol_bytes);
    }
  }
  for (auto left = in.take_le<std::uint32_t>(); left > 0 && !in.is_short(); --left) {
    const std::string name = in.take_text(symbol_bytes);
    for (auto spans = in.take_le<std::uint32_t>(); spans > 0 && !in.is_short(); --spans) {
      (void)in.take(4 + 4);  // first and last date
      const std::string target = in.take_text(symbol_bytes);
      std::uint64_t id = 0;
      if (parse_unsigned(target, id) == ParseStatus::kOk && id <= 0xFFFF'FFFF) {
        out.mappings.emplace_back(static_cast<InstrumentId>(id), name);
      }
    }
  }
  if (in.is_short()) {
    problem = "metadata are shorter than their lists claim";
    return false;
  }
  if (out.schema != DbnMetadata::kSchemaMbo && out.schema != DbnMetadata::kSchemaMixed) {
    problem = "expected the schema mbo (0), found " + std::to_string(out.schema);
    return false;
  }
  return true;
}

}  // namespace feed_detail
}  // namespace orderbook

// What readers of text share: lines with a bound on their length, and errors that name field, line and byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "orderbook/feed/detail/fields.h"
#include "orderbook/feed/detail/number.h"
#include "orderbook/feed/detail/reader_base.h"

namespace orderbook {

class LineReaderBase : public FeedReaderBase {
 protected:
  LineReaderBase(std::int64_t tick, OnGap on_gap, std::size_t max_line_bytes)
      : FeedReaderBase(tick, on_gap), max_line_bytes_(max_line_bytes) {}

  // The next line without its end; nullopt when more input is needed, at the end, and on an error.
  [[nodiscard]] std::optional<std::string_view> next_line() {
    if (error_) return std::nullopt;
    const auto line = in_.line(is_finished_);
    if ((line ? line->size() : in_.pending()) > max_line_bytes_) {
      fail(FeedErrorCode::kTooLong, "a line exceeds " + std::to_string(max_line_bytes_) + " bytes");
      return std::nullopt;
    }
    if (!line) return std::nullopt;
    return feed_detail::without_carriage_return(*line);
  }

  void consumed_line() noexcept {
    const std::uint64_t before = in_.offset();
    in_.consume_line();
    stats_.bytes += in_.offset() - before;
    ++stats_.messages;
  }

  // False, with the error set, unless `status` is kOk.
  [[nodiscard]] bool check(feed_detail::ParseStatus status, std::string_view field, std::string_view found) {
    using feed_detail::ParseStatus;
    if (status == ParseStatus::kOk) return true;
    const std::string shown = feed_detail::excerpt(found);
    switch (status) {
      case ParseStatus::kOverflow:
        fail(FeedErrorCode::kOverflow, std::string(field) + " is outside its type: " + shown);
        break;
      case ParseStatus::kInexact:
        fail(FeedErrorCode::kNotOnTick, std::string(field) + " has more decimals than its scale: " + shown);
        break;
      default:
        fail(FeedErrorCode::kBadSyntax, std::string(field) + " is no number: " + shown);
    }
    return false;
  }

  // Always false, so that a parser can return it.
  bool bad_field(std::string_view field, std::string_view expected, std::string_view found) {
    fail(FeedErrorCode::kBadField,
         std::string(field) + " must be " + std::string(expected) + ", found " + feed_detail::excerpt(found));
    return false;
  }

 private:
  std::size_t max_line_bytes_;
};

}  // namespace orderbook

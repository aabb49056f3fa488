// JSON, strictly and without copies: a cursor that takes what is expected next, or is bad for good. Strings are handed out
// as they stand between their quotes, so those that matter (keys, symbols, numbers) must be free of escapes.
#pragma once

#include <cstddef>
#include <string_view>

namespace orderbook::feed_detail {

class JsonCursor {
 public:
  static constexpr int kMostDepth = 32;

  explicit JsonCursor(std::string_view text) noexcept : text_(text) {}

  [[nodiscard]] bool is_bad() const noexcept { return is_bad_; }
  void spoil() noexcept { is_bad_ = true; }

  // The next character that is no blank, not taken; '\0' at the end.
  [[nodiscard]] char look() noexcept {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' || text_[at_] == '\n')) {
      ++at_;
    }
    return at_ < text_.size() && !is_bad_ ? text_[at_] : '\0';
  }
  [[nodiscard]] bool try_take(char c) noexcept {
    if (look() != c || c == '\0') return false;
    ++at_;
    return true;
  }
  void expect(char c) noexcept { is_bad_ |= !try_take(c); }
  // Only blanks are left.
  [[nodiscard]] bool is_at_end() noexcept { return !is_bad_ && look() == '\0' && at_ == text_.size(); }

  [[nodiscard]] std::string_view take_string() noexcept {
    expect('"');
    const std::size_t begin = at_;
    bool has_escape = false;
    while (!is_bad_ && at_ < text_.size() && text_[at_] != '"') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) is_bad_ = true;
      if (text_[at_] == '\\') {
        has_escape = true;
        if (++at_ == text_.size()) break;
        if (std::string_view("\"\\/bfnrtu").find(text_[at_]) == std::string_view::npos) is_bad_ = true;
        if (text_[at_] == 'u') skip_hex();
      }
      ++at_;
    }
    if (is_bad_ || at_ >= text_.size()) {
      is_bad_ = true;
      return {};
    }
    const std::string_view taken = text_.substr(begin, at_ - begin);
    ++at_;
    last_has_escape_ = has_escape;
    return taken;
  }
  [[nodiscard]] bool last_has_escape() const noexcept { return last_has_escape_; }

  [[nodiscard]] std::string_view take_number() noexcept {
    (void)look();
    const std::size_t begin = at_;
    if (at_ < text_.size() && text_[at_] == '-') ++at_;
    const std::size_t whole = at_;
    skip_digits();
    if (at_ == whole || (text_[whole] == '0' && at_ - whole > 1)) is_bad_ = true;
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      const std::size_t fraction = at_;
      skip_digits();
      if (at_ == fraction) is_bad_ = true;
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      const std::size_t exponent = at_;
      skip_digits();
      if (at_ == exponent) is_bad_ = true;
    }
    return is_bad_ ? std::string_view{} : text_.substr(begin, at_ - begin);
  }

  [[nodiscard]] bool take_bool() noexcept {
    if (take_word("true")) return true;
    if (!take_word("false")) is_bad_ = true;
    return false;
  }

  // Any value; nested at most kMostDepth deep.
  void skip_value(int depth = 0) noexcept {
    if (depth > kMostDepth) is_bad_ = true;
    if (is_bad_) return;
    switch (look()) {
      case '"':
        (void)take_string();
        return;
      case '{':
        take_object([&](std::string_view) { skip_value(depth + 1); });
        return;
      case '[':
        take_array([&] { skip_value(depth + 1); });
        return;
      case 't':
      case 'f':
        (void)take_bool();
        return;
      case 'n':
        is_bad_ |= !take_word("null");
        return;
      default:
        (void)take_number();
        return;
    }
  }

  // visit(key) must take the value.
  template <class F>
  void take_object(F&& visit) {
    expect('{');
    if (try_take('}')) return;
    do {
      const std::string_view key = take_string();
      if (last_has_escape_) is_bad_ = true;
      expect(':');
      if (is_bad_) return;
      visit(key);
    } while (!is_bad_ && try_take(','));
    expect('}');
  }

  // visit() must take the element.
  template <class F>
  void take_array(F&& visit) {
    expect('[');
    if (try_take(']')) return;
    do {
      if (is_bad_) return;
      visit();
    } while (!is_bad_ && try_take(','));
    expect(']');
  }

 private:
  void skip_digits() noexcept {
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
  }
  void skip_hex() noexcept {
    for (int i = 0; i < 4; ++i) {
      ++at_;
      const char c = at_ < text_.size() ? text_[at_] : '\0';
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
        is_bad_ = true;
        return;
      }
    }
  }
  [[nodiscard]] bool take_word(std::string_view word) noexcept {
    (void)look();
    if (is_bad_ || !text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool is_bad_ = false;
  bool last_has_escape_ = false;
};

}  // namespace orderbook::feed_detail

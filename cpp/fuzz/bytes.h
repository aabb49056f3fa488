// The fuzzer's input as choices: each takes one byte (two for larger ranges); past the end everything is 0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "support/random_request.h"

namespace flowstate::test {

class ByteChoices final : public Choices {
 public:
  ByteChoices(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  std::uint32_t below(std::uint32_t n) override {
    std::uint32_t value = next();
    if (n > 256) value = value << 8 | next();
    return value % n;
  }

  std::uint8_t next() { return at_ < size_ ? data_[at_++] : std::uint8_t{0}; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

}  // namespace flowstate::test

// A cell on the device that elements lower to the first row with something wrong.
#pragma once

#include <cstdint>
#include <optional>

#include "flowstate/device/join_work.h"

namespace flowstate::device {

class FirstRow {
 public:
  explicit FirstRow(JoinWork& work) : cell_(work.array<std::uint64_t>(1)) {
    work.stream().fill(cell_.data(), 0xFF, cell_.bytes());
  }
  std::uint64_t* cell() const noexcept { return cell_.data(); }
  // Waits for the stream.
  std::optional<std::uint64_t> read(JoinWork& work) const {
    const std::uint64_t row = work.read(cell_.data());
    if (row == UINT64_MAX) return std::nullopt;
    return row;
  }

 private:
  Array<std::uint64_t> cell_;
};

}  // namespace flowstate::device

// Errors of the core. Constructors and batch entry points throw flowstate::Error; inner loops are noexcept
// and return values. The binding turns an Error into a plain record, and TypeScript builds the class
// (from-native.ts).
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace flowstate {

enum class ErrorCode : std::uint8_t {
#define FS_ERROR(name, klass, meaning) name,
#include "flowstate/error_codes.def"
#undef FS_ERROR
};

// The permanent public spelling, "FS_ERR_UNSORTED".
const char* to_string(ErrorCode code) noexcept;

class Error : public std::runtime_error {
 public:
  // One named fact about the failure ("row", 812). Integers stay exact: the binding hands them over as
  // BigInt.
  using Detail = std::pair<std::string, std::int64_t>;

  Error(ErrorCode code, const std::string& message, std::vector<Detail> details = {})
      : std::runtime_error(message), code_(code), details_(std::move(details)) {}

  ErrorCode code() const noexcept { return code_; }
  const std::vector<Detail>& details() const noexcept { return details_; }

 private:
  ErrorCode code_;
  std::vector<Detail> details_;
};

}  // namespace flowstate

// A refusal of the operating system as an Error: what was called, on which file, errno.
#pragma once

#include <cstring>
#include <string>

#include "flowstate/error.h"

namespace flowstate::device {

inline Error io_error(const char* call, const std::string& path, int code) {
  return Error(ErrorCode::IO, path + ": " + call + " failed: " + std::strerror(code), {{"errno", code}});
}

}  // namespace flowstate::device

// Public spellings of the error codes, from the one table.
#include "flowstate/error.h"

namespace flowstate {

const char* to_string(ErrorCode code) noexcept {
  switch (code) {
#define FS_ERROR(name, klass, meaning) \
  case ErrorCode::name:                \
    return "FS_ERR_" #name;
#include "flowstate/error_codes.def"
#undef FS_ERROR
  }
  return "FS_ERR_INTERNAL";
}

}  // namespace flowstate

// Waiting for work whatever became of it: when this returns, nothing of it still touches memory. What failed has been
// or will be told by other calls.
#pragma once

#include "flowstate/device/device.h"

namespace flowstate::device {

inline void settle(Stream& stream) noexcept {
  try {
    stream.synchronize();
  } catch (...) {
  }
}

inline void settle(Event& event) noexcept {
  try {
    event.synchronize();
  } catch (...) {
  }
}

// Without waiting. False also where the event has failed: only synchronize() tells then that the work has ended.
inline bool is_settled(Event& event) noexcept {
  try {
    return event.is_complete();
  } catch (...) {
    return false;
  }
}

}  // namespace flowstate::device

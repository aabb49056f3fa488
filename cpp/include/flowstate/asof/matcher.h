// Someone else to find the matches, in place of the plans of the CPU: a device. The join prepares times and key codes and
// gathers what was matched; which right row a left row gets is the matcher's answer, and must be the one that the plans
// would give.
#pragma once

#include <atomic>
#include <cstdint>

#include "flowstate/asof/join.h"

namespace flowstate::asof {

class Matcher {
 public:
  // Times in the representation of functors/clock.h, by input row. Codes are dense from 2; below are the rows that match
  // nothing. Null codes: one key, and no such row.
  struct Side {
    const std::int64_t* t = nullptr;
    const std::int32_t* code = nullptr;
    std::int64_t count = 0;
    bool ascending = false;  // over all rows
  };
  struct Task {
    Side left;
    Side right;
    // By right input row: the first left time that can see it, where that is not its own time. Null: it always is.
    const std::int64_t* seen = nullptr;
    std::int32_t groups = 0;  // codes are below this
    bool is_float = false;
    const StreamRequest* request = nullptr;
    const std::atomic<bool>* cancel = nullptr;
    bool explain = false;
  };
  struct Counts {
    std::int64_t matched = 0;
    std::int64_t too_far = 0;
  };

  virtual ~Matcher() = default;
  // Before the first stream of a run over the inputs; a join that starts again begins again. Until then the arrays of
  // earlier tasks stay where they are: a side that two tasks share has the same pointers.
  virtual void begin() {}
  // out[i]: the right input row of left row i, or -1. Plan, statistics and phases go into `explain`. Throws Error.
  virtual Counts match(const Task& task, std::int32_t* out, Explain& explain) = 0;
};

}  // namespace flowstate::asof

// A session on the streaming engine whose promises may be broken, drawn from choices as by random_request.h: pushes,
// watermarks, emits of any size, restarts. The changelog that comes out, applied in order, must end as the batch join over
// the rows that were taken; what was not taken is counted, put aside with the emitted rows that it would have changed, or
// refused with its batch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "support/stream_case.h"

namespace flowstate::test {

// A random case with policies for late rows, a horizon, and perhaps a cap.
StreamCase make_late_case(Choices& pick, const StreamCaseLimits& limits);

class StreamPlay {
 public:
  StreamPlay(Choices& pick, const StreamCase& random);

  // What is wrong, or "".
  std::string run();

 private:
  struct Side {
    std::vector<std::int64_t> waiting;
    std::vector<std::int64_t> accepted;
    std::int64_t w = INT64_MIN;
    std::int64_t late = 0;
    std::int64_t beyond = 0;
    std::int64_t ahead = 0;
    std::vector<std::int64_t> aside;
    std::vector<std::uint8_t> reasons;
    std::int64_t horizon = 0;  // in the input's unit; -1: no bound
  };

  stream::LatePolicy policy(std::size_t input) const;
  bool has_null_key(std::size_t input, std::int64_t row) const;
  bool reports_exactly() const;
  std::string emit(std::int64_t most);
  std::string push(std::size_t input, std::size_t most);
  std::string step(std::size_t input, bool exact);
  Expected answer(std::size_t with_input, std::int64_t with_row) const;
  std::string check_aside(std::size_t input, bool exact);
  std::string compare(const Expected& expected) const;

  Choices& pick_;
  const StreamCase& random_;
  stream::StreamEngine engine_;
  Arena arena_;
  std::vector<Side> sides_;
  std::map<std::int64_t, Emitted> shown_;  // by row id
  std::int64_t put_out_ = 0;               // rows of the last emit
};

}  // namespace flowstate::test

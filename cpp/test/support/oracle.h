// The join as docs/design/join-semantics.md defines it, by looking at every pair of rows. Shares no code with the
// core: times are 128-bit integers or doubles, keys are strings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flowstate/asof/join.h"

namespace flowstate::test {

__extension__ typedef __int128 Wide;

struct LogicalTime {
  Wide i = 0;
  double d = 0;
};

struct LogicalSide {
  std::vector<std::optional<LogicalTime>> time;            // NaN is nullopt
  std::vector<std::vector<std::optional<std::string>>> keys;  // per row, per key column
};

struct LogicalStream {
  bool is_float = false;
  bool has_known = false;
  LogicalSide left;
  LogicalSide right;
  std::vector<std::optional<LogicalTime>> known;
  const asof::StreamRequest* options = nullptr;
};

struct OracleAnswer {
  std::vector<std::int32_t> rows;
  asof::StreamStats stats;
};

OracleAnswer oracle_join(const LogicalStream& stream);

struct Violation {
  int side;
  std::int64_t row;
  std::int64_t previous;
};
// What `unsorted: error` must find, left side first.
std::optional<Violation> oracle_violation(const LogicalStream& stream);

}  // namespace flowstate::test

// A random request's answer by the oracle, and a run of the join held against it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flowstate/error.h"
#include "flowstate/thread_pool.h"
#include "support/oracle.h"
#include "support/random_request.h"

namespace flowstate::test {

// A number from the environment.
std::uint64_t setting(const char* name, std::uint64_t otherwise);

struct Expected {
  explicit Expected(const RandomCase& random);
  std::vector<OracleAnswer> answers;
  std::optional<Violation> violation;  // the error it must be instead
};

// What the error of a run is other than that one, or "".
std::string check_error(const Error& error, const std::optional<Violation>& violation);

// What the join of random.request gave other than that, or "".
std::string check_run(const RandomCase& random, const Expected& expected, ThreadPool& pool);

}  // namespace flowstate::test

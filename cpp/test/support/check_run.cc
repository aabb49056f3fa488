#include "support/check_run.h"

#include <cstdlib>

#include "flowstate/asof/join.h"
#include "flowstate/error.h"

namespace flowstate::test {

namespace {

std::int64_t detail(const Error& error, const std::string& name) {
  for (const auto& [key, value] : error.details()) {
    if (key == name) return value;
  }
  return -1;
}

}  // namespace

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

Expected::Expected(const RandomCase& random) {
  for (const LogicalStream& stream : random.streams) {
    answers.push_back(oracle_join(stream));
    if (!violation && stream.options->unsorted == asof::Unsorted::kError)
      violation = oracle_violation(stream);
  }
}

std::string check_error(const Error& error, const std::optional<Violation>& violation) {
  if (!violation || error.code() != ErrorCode::UNSORTED) return std::string("threw ") + error.what();
  if (detail(error, "side") != violation->side || detail(error, "row") != violation->row ||
      detail(error, "previousRow") != violation->previous) {
    return std::string("named the wrong row: ") + error.what();
  }
  return "";
}

std::string check_run(const RandomCase& random, const Expected& expected, ThreadPool& pool) {
  const asof::CancelToken cancel;
  const std::optional<Violation>& violation = expected.violation;
  try {
    const asof::JoinResult result = asof::join(random.request, pool, cancel);
    if (violation) return "an unsorted row was not found";
    return difference(random, expected.answers, result);
  } catch (const Error& error) {
    return check_error(error, violation);
  }
}

}  // namespace flowstate::test

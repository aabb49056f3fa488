// Random join requests small enough for the oracle, drawn from a source of bytes so that a property test (a seeded
// generator) and a fuzzer (its input) make them the same way. Values come from small pools, so that ties, equal
// keys, distances at the tolerance and the int64 limits are common.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "flowstate/asof/join.h"
#include "support/columns.h"
#include "support/oracle.h"

namespace flowstate::test {

class Choices {
 public:
  virtual ~Choices() = default;
  // Uniform enough in [0, n), n > 0.
  virtual std::uint32_t below(std::uint32_t n) = 0;
  bool one_in(std::uint32_t n) { return below(n) == 0; }
};

class SeededChoices final : public Choices {
 public:
  explicit SeededChoices(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  std::uint32_t below(std::uint32_t n) override {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::uint32_t>((state_ >> 20) % n);
  }

 private:
  std::uint64_t state_;
};

struct Payload {
  ColumnType type;
  int width;
  Cells cells;
};

struct RandomCase {
  Arena arena;
  asof::JoinRequest request;
  std::vector<LogicalStream> streams;           // options point into `request`
  std::vector<Payload> left_payload;
  std::vector<std::vector<Payload>> payload;    // per stream
};

std::unique_ptr<RandomCase> make_random_case(Choices& choices, int max_rows);

// The first difference between a result and what the oracle says, or "". `answers` are oracle_join of every stream.
std::string difference(const RandomCase& random, const std::vector<OracleAnswer>& answers,
                       const asof::JoinResult& result);

}  // namespace flowstate::test

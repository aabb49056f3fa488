// The cuda device keeps the rules of device.h, with memory pools and without.
#include <catch2/catch.hpp>

#include "subject.h"

namespace conformance = flowstate::device::conformance;
using flowstate::cuda::cuda_subject;

namespace {

void check(void (*rules)(const conformance::Subject&)) {
  sim::Config config;
  config.memory_pools = GENERATE(true, false);
  rules(cuda_subject(config));
  REQUIRE(sim::live().total() == 0);
  REQUIRE(sim::violations() == 0);
}

}  // namespace

TEST_CASE("cuda device: memory") { check(conformance::check_memory); }
TEST_CASE("cuda device: copies") { check(conformance::check_copies); }
TEST_CASE("cuda device: kernels") { check(conformance::check_kernels); }
TEST_CASE("cuda device: order") { check(conformance::check_order); }
TEST_CASE("cuda device: errors") { check(conformance::check_errors); }
TEST_CASE("cuda device: a lost device") { check(conformance::check_lost); }
TEST_CASE("cuda device: every call fails once") { check(conformance::check_faults_everywhere); }
TEST_CASE("cuda device: files") { check(conformance::check_files); }

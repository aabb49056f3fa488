// Feature matrices on the cuda device: its launches, and the same tile bodies.
#include <catch2/catch.hpp>

#include "device/matrix_property.h"
#include "subject.h"

namespace conformance = flowstate::device::conformance;

namespace {

void check(void (*rules)(flowstate::device::Device&)) {
  rules(*flowstate::cuda::cuda_subject().open());
  REQUIRE(sim::live().total() == 0);
  REQUIRE(sim::violations() == 0);
}

}  // namespace

TEST_CASE("cuda device: matrices of random columns") { check(conformance::check_random_matrices); }
TEST_CASE("cuda device: matrices at the edges of tiles and launches") {
  check(conformance::check_matrix_edges);
}

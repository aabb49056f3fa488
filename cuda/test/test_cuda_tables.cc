// Joins of tables on the cuda device, over the simulated runtime.
#include <catch2/catch.hpp>

#include "device/table_property.h"
#include "subject.h"

TEST_CASE("random joins of tables on the cuda device give the oracle's answer") {
  flowstate::device::conformance::check_tables_on_random_requests(flowstate::cuda::cuda_subject(), 400);
}

TEST_CASE("a join of tables whose cuda device fails at any call throws and keeps nothing") {
  flowstate::device::conformance::check_tables_under_faults(flowstate::cuda::cuda_subject());
}

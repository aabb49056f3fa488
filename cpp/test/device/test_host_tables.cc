// Joins of tables on the host device.
#include <catch2/catch.hpp>

#include "device/host_subject.h"
#include "device/table_property.h"

namespace device = flowstate::device;

TEST_CASE("random joins of tables on the host device give the oracle's answer") {
  device::conformance::check_tables_on_random_requests(device::host_subject(), 1500);
}

TEST_CASE("a join of tables whose device fails at any call throws and keeps nothing") {
  device::conformance::check_tables_under_faults(device::host_subject());
}

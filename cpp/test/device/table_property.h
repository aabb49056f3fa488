// Joins of tables in device memory: random requests against the oracle, and every call of the device failing in turn.
#pragma once

#include <cstdint>

#include "device/conformance.h"

namespace flowstate::device::conformance {

void check_tables_on_random_requests(const Subject& subject, std::uint64_t cases);
void check_tables_under_faults(const Subject& subject);

}  // namespace flowstate::device::conformance

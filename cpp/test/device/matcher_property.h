// asof::join with its matches found on a device: the random requests of the join's own property test against the oracle,
// and larger ones around the edges of tiles against the CPU's plans.
#pragma once

#include "device/conformance.h"

namespace flowstate::device::conformance {

// FS_TEST_CASES sets how many requests (default `cases`), FS_TEST_SEED the first seed.
void check_matcher_on_random_requests(const Subject& subject, std::uint64_t cases);
void check_matcher_around_tiles(const Subject& subject);
void check_matcher_shares_and_restarts(const Subject& subject);
// Every call of the device failing in turn: a typed error, and nothing kept.
void check_matcher_faults(const Subject& subject);

}  // namespace flowstate::device::conformance

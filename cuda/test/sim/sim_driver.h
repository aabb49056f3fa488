// Control of the simulated driver (sim_driver.cc), of which only the events of whole contexts are called.
#pragma once

#include <cstdint>

namespace sim {

void refuse_context_events(bool refuses);
// Recorded since the start.
std::uint64_t context_events();

}  // namespace sim

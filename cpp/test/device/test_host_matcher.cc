// Joins whose matches the host device finds.
#include "device/host_subject.h"
#include "device/matcher_property.h"

namespace conformance = flowstate::device::conformance;

TEST_CASE("host device: a join's matches are the oracle's, over random requests") {
  conformance::check_matcher_on_random_requests(flowstate::device::host_subject(), 6000);
}
TEST_CASE("host device: a join's matches around the edges of tiles are those of the CPU's plans") {
  conformance::check_matcher_around_tiles(flowstate::device::host_subject());
}
TEST_CASE("host device: a left side that streams share goes up once, and a matcher may begin again") {
  conformance::check_matcher_shares_and_restarts(flowstate::device::host_subject());
}
TEST_CASE("host device: a join whose device fails is a typed error, and nothing is kept") {
  conformance::check_matcher_faults(flowstate::device::host_subject());
}

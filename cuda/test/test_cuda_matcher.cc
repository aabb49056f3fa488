// Joins whose matches the cuda device finds, over the simulated runtime: launches, scratch memory, order of streams. The
// kernels' bodies are the host device's.
#include "device/matcher_property.h"
#include "subject.h"

namespace conformance = flowstate::device::conformance;

TEST_CASE("cuda device: a join's matches are the oracle's, over random requests") {
  conformance::check_matcher_on_random_requests(flowstate::cuda::cuda_subject(), 1500);
}
TEST_CASE("cuda device: a join's matches around the edges of tiles are those of the CPU's plans") {
  conformance::check_matcher_around_tiles(flowstate::cuda::cuda_subject());
}
TEST_CASE("cuda device: a left side that streams share goes up once, and a matcher may begin again") {
  conformance::check_matcher_shares_and_restarts(flowstate::cuda::cuda_subject());
}
TEST_CASE("cuda device: a join whose device fails is a typed error, and nothing is kept") {
  conformance::check_matcher_faults(flowstate::cuda::cuda_subject());
}

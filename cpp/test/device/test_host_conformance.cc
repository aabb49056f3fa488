// The host device keeps the rules of device.h.
#include <catch2/catch.hpp>
#include <memory>

#include "device/conformance.h"
#include "device/host_subject.h"

using flowstate::device::host_subject;
namespace conformance = flowstate::device::conformance;

TEST_CASE("host device: memory") { conformance::check_memory(host_subject()); }
TEST_CASE("host device: copies") { conformance::check_copies(host_subject()); }
TEST_CASE("host device: kernels") { conformance::check_kernels(host_subject()); }
TEST_CASE("host device: order") { conformance::check_order(host_subject()); }
TEST_CASE("host device: errors") { conformance::check_errors(host_subject()); }
TEST_CASE("host device: a lost device") { conformance::check_lost(host_subject()); }
TEST_CASE("host device: every call fails once") { conformance::check_faults_everywhere(host_subject()); }
TEST_CASE("host device: files") { conformance::check_files(host_subject()); }

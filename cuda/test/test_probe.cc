// The probe's reasons: each cause has its own fixed text.
#include <catch2/catch.hpp>
#include <string>

#include "flowstate/device/probe.h"
#include "sim_cudart.h"

namespace device = flowstate::device;

namespace {

bool starts_with(const std::string& text, const char* head) { return text.rfind(head, 0) == 0; }

device::Probe probe_with(const sim::Config& config) {
  sim::reset(config);
  return device::probe();
}

}  // namespace

TEST_CASE("the probe tells every cause apart") {
  sim::Config config;
  REQUIRE(probe_with(config).reason.empty());

  config.driver_version = 0;
  config.count_status = cudaErrorInsufficientDriver;
  REQUIRE(starts_with(probe_with(config).reason, device::kNoDriver));

  config.driver_version = 12040;
  const std::string old = probe_with(config).reason;
  REQUIRE(starts_with(old, device::kDriverTooOld));
  REQUIRE(old.find("12.4") != std::string::npos);
  REQUIRE(old.find("13.0") != std::string::npos);

  config.driver_version = 13000;
  config.count_status = cudaErrorNoDevice;
  REQUIRE(starts_with(probe_with(config).reason, device::kNoDevice));
  config.count_status = cudaErrorStubLibrary;
  REQUIRE(starts_with(probe_with(config).reason, device::kNoDriver));
  config.count_status = cudaErrorSystemDriverMismatch;
  REQUIRE(starts_with(probe_with(config).reason, device::kCudaFailure));
  config.count_status = cudaSuccess;
  config.devices = 0;
  REQUIRE(starts_with(probe_with(config).reason, device::kNoDevice));
  sim::reset();
  REQUIRE(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("the probe describes every device") {
  sim::Config config;
  config.devices = 2;
  const device::Probe found = probe_with(config);
  REQUIRE(found.built_with_cuda);
  REQUIRE(found.devices.size() == 2);
  REQUIRE(found.devices[1].name == "simulated device");
  REQUIRE(found.devices[1].compute_major == 9);
  REQUIRE(found.devices[1].multiprocessors == 4);
  REQUIRE(found.devices[1].copy_engines == 2);
  REQUIRE(found.devices[1].pci_bus_id == "0000:1c:00.0");
  REQUIRE(found.devices[1].memory_pools);
}

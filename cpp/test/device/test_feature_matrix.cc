// Feature matrices on the host device.
#include <catch2/catch.hpp>

#include "device/conformance.h"
#include "device/matrix_property.h"
#include "flowstate/device/faults.h"
#include "flowstate/device/feature_matrix.h"

namespace device = flowstate::device;
namespace conformance = flowstate::device::conformance;

TEST_CASE("host device: matrices of random columns") {
  conformance::check_random_matrices(*device::open_host_device());
}
TEST_CASE("host device: matrices at the edges of tiles and launches") {
  conformance::check_matrix_edges(*device::open_host_device());
}

TEST_CASE("a matrix of nothing is no work") {
  const auto faults = std::make_shared<device::FaultPlan>();
  const auto host = device::open_host_device({.faults = faults});
  const auto stream = host->create_stream();
  faults->arm(device::Call::kKernel, 0, 1000);
  const std::vector<device::MatrixColumn> columns(40);
  device::assemble_matrix(*stream, {.columns = {}, .rows = 10}, nullptr);
  for (const auto layout : {device::MatrixLayout::kRowMajor, device::MatrixLayout::kColumnMajor}) {
    device::assemble_matrix(*stream, {.columns = columns, .rows = 0, .layout = layout}, nullptr);
  }
  stream->synchronize();
  REQUIRE(conformance::code_of([&] {
            device::assemble_matrix(*stream, {.columns = columns, .rows = 1}, nullptr);
          }) == flowstate::ErrorCode::CUDA);
}

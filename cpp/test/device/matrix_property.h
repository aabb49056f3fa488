// Feature matrices on any device against a plain computation, bit for bit.
#pragma once

#include "flowstate/device/device.h"

namespace flowstate::device::conformance {

// Random columns of every type, with nulls, indices, normalisation; every dtype and layout.
void check_random_matrices(Device& device);
// Every number of columns of a launch, and rows around the edges of its tiles.
void check_matrix_edges(Device& device);

}  // namespace flowstate::device::conformance

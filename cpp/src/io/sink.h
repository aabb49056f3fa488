// The function that scans call for every vector, as every instance must know it.
#pragma once

#include "flowstate/io/duck_api.h"

namespace flowstate::io {

// Throws Error INTERNAL.
void register_sink(const duck::Api& api, duck::Connection connection);

}  // namespace flowstate::io

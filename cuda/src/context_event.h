// The fence behind memory that another library's kernels may still read: an event of the whole context, which captures
// the work of every stream in it.
#pragma once

#include "context.h"

namespace flowstate::cuda {

// Waits for all work that was given to the context before the call; false, without having waited, where the driver has no
// such events (before CUDA 12.5), or refuses one (a stream of the context is capturing a graph).
// The context is current on this thread.
bool wait_for_context(Context& context);

}  // namespace flowstate::cuda

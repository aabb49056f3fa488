// Work on elements that have nothing to do with each other: Stream::for_each calls element(i) for every i, in any order
// and side by side. What is listed here is compiled for every device; a new one needs its line and no kernel of its own.
#pragma once

#include <variant>

#include "flowstate/functors/affine.h"
#include "flowstate/functors/asof_tiles.h"
#include "flowstate/functors/group.h"

namespace flowstate::functors {

using Element =
    std::variant<AffineElement, IotaElement, GatherElement<std::uint32_t>, GatherElement<std::uint64_t>,
                 OrderElement, GroupOrderElement, GroupStartElement, MinLevelElement, AsofCutElement>;

}  // namespace flowstate::functors

// Work on elements that have nothing to do with each other: Stream::for_each calls element(i) for every i, in any order
// and side by side. What is listed here is compiled for every device; a new one needs its line and no kernel of its own.
#pragma once

#include <variant>

#include "flowstate/functors/affine.h"
#include "flowstate/functors/asof_tiles.h"
#include "flowstate/functors/cells.h"
#include "flowstate/functors/group.h"
#include "flowstate/functors/key_codes.h"
#include "flowstate/functors/take.h"

namespace flowstate::functors {

using Element = std::variant<
    AffineElement, IotaElement, GatherElement<std::uint32_t>, GatherElement<std::uint64_t>, OrderElement,
    GroupOrderElement, GroupStartElement, MinLevelElement, AsofCutElement, TimeElement, KeyWordElement,
    FirstOfEqualElement, RankElement, FindCodeElement, PairWordElement, EntryWordElement, EntryCodeElement,
    LiveCodeElement, SeenElement, GroupDescentElement, LiveRowElement, RowBitsElement, TakeBitsElement,
    TakeElement<std::uint8_t>, TakeElement<std::uint16_t>, TakeElement<std::uint32_t>,
    TakeElement<std::uint64_t>, TakeWideElement, CheckOffsetsElement, LengthElement, NarrowElement,
    CopyBytesElement, ListItemsElement, FixedItemsElement, KeepElement, SelectElement, AgeElement>;

}  // namespace flowstate::functors

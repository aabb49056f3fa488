// y = x * scale + offset in float32, fused: one rounding, the same on every device (IEEE 754-2008, 5.4.1
// fusedMultiplyAdd), whatever contraction the compilers would choose.
#pragma once

#include <cmath>
#include <cstddef>

#include "flowstate/functors/hd.h"

namespace flowstate::functors {

struct Affine {
  float scale;
  float offset;
  FS_HD float operator()(float value) const noexcept { return ::fmaf(value, scale, offset); }
};

// Element i of the map.
struct AffineElement {
  float* target;
  const float* source;
  Affine affine;
  FS_HD void operator()(std::size_t i) const noexcept { target[i] = affine(source[i]); }
};

}  // namespace flowstate::functors

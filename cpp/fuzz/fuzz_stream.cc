// Differential: bytes become streams with random rules and a script of pushes, watermarks (kept and broken), emits and
// restarts. What the engine puts out must end as the batch join over all rows that it took.
#include <cstdio>
#include <cstdlib>

#include "bytes.h"
#include "flowstate/error.h"
#include "support/stream_play.h"

using namespace flowstate;
using namespace flowstate::test;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteChoices choices(data, size);
  const StreamCase random = make_late_case(choices, {20, 2});
  std::string found;
  try {
    StreamPlay play(choices, random);
    found = play.run();
  } catch (const Error& error) {
    found = std::string("threw ") + error.what();
  }
  if (!found.empty()) {
    std::fprintf(stderr, "%s\n", found.c_str());
    std::abort();
  }
  return 0;
}

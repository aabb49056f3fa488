// Differential: bytes become a small request, every plan must give the oracle's answer, or the error it expects.
#include <cstdio>
#include <cstdlib>

#include "bytes.h"
#include "flowstate/error.h"
#include "flowstate/thread_pool.h"

using namespace flowstate;
using namespace flowstate::test;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static ThreadPool pool(3);
  ByteChoices choices(data, size);
  const std::unique_ptr<RandomCase> random = make_random_case(choices, 24);
  std::vector<OracleAnswer> answers;
  bool violated = false;
  for (const LogicalStream& stream : random->streams) {
    answers.push_back(oracle_join(stream));
    violated |= stream.options->unsorted == asof::Unsorted::kError && oracle_violation(stream).has_value();
  }
  const asof::CancelToken cancel;
  for (int plan = 0; plan <= 4; ++plan) {
    for (asof::StreamRequest& stream : random->request.streams)
      stream.plan = static_cast<asof::PlanKind>(plan);
    random->request.threads = 1 + plan % 3;
    std::string found;
    try {
      const asof::JoinResult result = asof::join(random->request, pool, cancel);
      found = violated ? "an unsorted row was not found" : difference(*random, answers, result);
    } catch (const Error& error) {
      if (!violated || error.code() != ErrorCode::UNSORTED) found = std::string("threw ") + error.what();
    }
    if (!found.empty()) {
      std::fprintf(stderr, "plan %d: %s\n", plan, found.c_str());
      std::abort();
    }
  }
  return 0;
}

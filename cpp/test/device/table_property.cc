#include "device/table_property.h"

#include <catch2/catch.hpp>
#include <string>

#include "device/table_case.h"
#include "support/check_run.h"

namespace flowstate::device::conformance {

namespace {

constexpr MatchPlan kPlans[] = {MatchPlan::kAuto, MatchPlan::kMerge, MatchPlan::kProbe};

std::unique_ptr<test::RandomCase> case_of(std::uint64_t seed) {
  test::SeededChoices choices(seed);
  auto random = test::make_random_case(choices, seed % 7 == 0 ? 200 : 30);
  // Row numbers of matches stay on the device.
  for (asof::StreamRequest& stream : random->request.streams) stream.want_indices = false;
  return random;
}

// What the join gave other than the oracle's answer, or "". Run again with the indexes of the first time, it must give
// the same.
std::string check(const test::RandomCase& random, TableCase& tables, JoinWork& work) {
  const test::Expected expected(random);
  const std::optional<test::Violation>& violation = expected.violation;
  for (int round = 0; round < 2; ++round) {
    try {
      TableJoinResult result = join_tables(work, tables.join());
      if (violation) return "an unsorted row was not found";
      for (std::size_t s = 0; s < result.streams.size(); ++s) {
        if (result.streams[s].index) tables.join().streams[s].index = result.streams[s].index;
      }
      const std::string found =
          test::difference(random, expected.answers, tables.download(work, std::move(result)));
      if (!found.empty()) return found + (round == 1 ? ", with an index" : "");
    } catch (const Error& error) {
      const std::string found = test::check_error(error, violation);
      if (!found.empty()) return found;
    }
  }
  return "";
}

}  // namespace

void check_tables_on_random_requests(const Subject& subject, std::uint64_t cases) {
  const auto opened = subject.open();
  const auto pool = std::make_shared<DevicePool>(opened);
  const std::uint64_t first = test::setting("FS_TEST_SEED", 1);
  const std::uint64_t count = test::setting("FS_TEST_CASES", cases);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const auto random = case_of(seed);
    {
      const std::shared_ptr<Stream> stream = opened->create_stream();
      TableCase tables(*random, pool, stream);
      for (TableStream& each : tables.join().streams) each.plan = kPlans[seed % 3];
      JoinWork work(pool, stream, {});
      const std::string found = check(*random, tables, work);
      if (!found.empty()) FAIL("seed " << seed << ": " << found);
    }
    REQUIRE(pool->stats().lent_bytes == 0);
  }
}

void check_tables_under_faults(const Subject& subject) {
  const std::pair<Call, ErrorCode> faults[] = {{Call::kAllocate, ErrorCode::OUT_OF_MEMORY},
                                               {Call::kCopy, ErrorCode::CUDA},
                                               {Call::kCopyLater, ErrorCode::CUDA},
                                               {Call::kKernel, ErrorCode::CUDA},
                                               {Call::kLost, ErrorCode::DEVICE_LOST}};
  for (const auto& [call, code] : faults) {
    std::uint64_t nth = 0;
    for (bool failed = true; failed; ++nth) {
      failed = false;
      const auto random = case_of(21 + nth % 5);
      const auto opened = subject.open();
      const auto pool = std::make_shared<DevicePool>(opened);
      {
        const std::shared_ptr<Stream> stream = opened->create_stream();
        TableCase tables(*random, pool, stream);
        JoinWork work(pool, stream, {});
        // An allocation that fails is tried again after a trim.
        subject.arm(call, nth / 5, call == Call::kAllocate ? 2 : 1);
        try {
          (void)join_tables(work, tables.join());
        } catch (const Error& error) {
          failed = error.code() != ErrorCode::UNSORTED;
          // Work of a CUDA device that fails when it runs takes the device with it.
          const bool is_lost = call == Call::kCopyLater && error.code() == ErrorCode::DEVICE_LOST;
          if (failed && !is_lost) REQUIRE(error.code() == code);
        }
        subject.disarm();
      }
      REQUIRE(pool->stats().lent_bytes == 0);
      // The cases differ in length: on until all of them get through.
      if (!failed && nth % 5 != 4) failed = true;
    }
    REQUIRE(nth > 20);
  }
}

}  // namespace flowstate::device::conformance

// One stream of a running join, from the request to its result. Filled in by prepare.cc, matched and gathered by
// join.cc; everything is owned here and dies with the call.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "choose.h"
#include "gather.h"
#include "keys.h"
#include "merge.h"
#include "plan.h"
#include "right_sequence.h"
#include "times.h"

namespace flowstate::asof {

struct StreamState {
  const StreamRequest* request = nullptr;

  // Left: shared with other streams of the same side.
  Times* left = nullptr;
  LeftCodes* left_codes = nullptr;  // null: no keys

  // Right.
  std::int64_t right_rows = 0;
  Times right_time;
  std::optional<Times> known;
  const std::int32_t* right_code = nullptr;
  std::int32_t groups = kFirstKey + 1;
  Buffer right_code_owned;
  Visibility visible;
  RightSequence right;
  Buffer forward_rows;  // int32, by left row; from knownAt only

  Choice choice;
  bool strict = false;
  PlanKind plan = PlanKind::kMerge;
  bool streamed =
      false;  // matched block by block in the pass over the left; else `match` is filled beforehand

  Buffer match;  // int32 by left row; empty when blocks need not be kept
  std::mutex tally_mutex;
  Tally tally;

  std::vector<PayloadColumn> payload;
  std::optional<AgeColumn> age;
  Buffer matched;
  Explain explain;

  void add(const Tally& more) {
    const std::lock_guard<std::mutex> lock(tally_mutex);
    tally.matched += more.matched;
    tally.too_far += more.too_far;
  }
};

struct PhaseClock {
  std::vector<ExplainPhase> phases;
  std::int64_t since = now_ns();

  void end(const char* name, std::int64_t bytes) {
    const std::int64_t now = now_ns();
    phases.push_back({name, now - since, bytes});
    since = now;
  }
};

// Everything about the left sides that streams share.
struct LeftSides {
  struct Entry {
    std::optional<Times> times[3];    // by TimeKind
    std::optional<KeyCodes> keys[2];  // by null_keys_equal
    std::optional<LeftCodes> plain;   // no keys, but rows that match nothing
  };
  std::vector<Entry> entries;
};

// Checks, times, key codes, order promises, plans and right sequences. Throws as join() does.
void prepare(const Context& context, const JoinRequest& request, LeftSides& sides,
             std::vector<std::unique_ptr<StreamState>>& streams, PhaseClock& clock);

}  // namespace flowstate::asof

#include "merge.h"

#include <cstring>
#include <mutex>

#include "prefetch.h"

namespace flowstate::asof {
namespace {

// One step takes either a right row into the table or a left row's answer out of it. Which one is a coin toss to
// the branch predictor, so it is arithmetic: both outcomes read table[code], write the answer slot and write back.
// The answer slot of a left row that is not finished yet is simply overwritten by a later step.
//
// Every step advances either side by one row, so the left row is the number of steps minus the right rows taken:
// with its pointers shifted by where it began, a lane has one moving index, j, beside the count of steps that lanes
// share, and two lanes fit the registers of x86-64. Shifted pointers may point outside their arrays, so they are
// integers.
//
// The comparison is unsigned where both sides are not negative (Time = uint64): it then leaves its result in the
// carry flag, from which the new j is one instruction.
template <bool kStrict, typename Time>
struct KeyedStep {
  const Time* rt;
  const std::uint32_t* rc;

  struct Place {
    std::uintptr_t lt;   // index step - j
    std::uintptr_t out;  // likewise
    std::uint32_t* last;
    std::int64_t j;
  };

  explicit KeyedStep(const MergeInput& in)
      : rt(reinterpret_cast<const Time*>(in.rt)), rc(reinterpret_cast<const std::uint32_t*>(in.rc)) {}

  // For `steps` steps, counted from -steps to 0.
  static Place place(const MergeInput& in, const Lane& lane, std::int64_t steps) noexcept {
    const std::int64_t shift = lane.i + lane.j + steps;
    return {reinterpret_cast<std::uintptr_t>(in.lt) + static_cast<std::uintptr_t>(shift) * sizeof(Time),
            reinterpret_cast<std::uintptr_t>(lane.out) + static_cast<std::uintptr_t>(shift) * 4, lane.last,
            lane.j};
  }
  static void leave(Lane& lane, const Place& place, std::int64_t steps) noexcept {
    lane.i += steps - (place.j - lane.j);
    lane.j = place.j;
  }

  void operator()(std::int64_t step, Place& p) const noexcept {
    const auto i = static_cast<std::uintptr_t>(step - p.j);
    const Time left = *reinterpret_cast<const Time*>(p.lt + i * sizeof(Time));
    auto* const answer = reinterpret_cast<std::uint32_t*>(p.out + i * 4);
    const std::uint32_t left_code = answer[kCodePlace];
    const std::uint32_t right_code = rc[p.j];
    // All ones: the left row's turn. Masks, because the compiler makes a branch of a choice.
    const std::uint64_t wait = 0 - static_cast<std::uint64_t>(kStrict ? rt[p.j] >= left : left < rt[p.j]);
    const auto narrow = static_cast<std::uint32_t>(wait);
    const std::uint32_t code = right_code ^ ((right_code ^ left_code) & narrow);
    const std::uint32_t old = p.last[code];
    *answer = old;
    const auto place = static_cast<std::uint32_t>(p.j);
    p.last[code] = place ^ ((place ^ old) & narrow);
    p.j += 1 + static_cast<std::int64_t>(wait);
  }
  // What a stretch of steps will want of the right some stretches from now.
  void prefetch(std::int64_t j) const noexcept {
    prefetch_read(rt + j, kPrefetchAhead);
    prefetch_read(rt + j, kPrefetchAhead + kCacheLine);
    prefetch_read(rc + j, kPrefetchAhead / 2);
  }
  void drain(Lane& lane) const noexcept {
    for (; lane.i < lane.end; ++lane.i) lane.out[lane.i] = lane.last[lane.out[lane.i + kCodePlace]];
  }
};

constexpr int kStretch = 16;

// Without keys the answer is a place, and a place can be searched: a block is cut into four strands that begin by
// binary search and run interleaved, sharing all their pointers.
constexpr int kStrands = 4;

template <bool kStrict>
void place_block(const MergeInput& in, Lane& lane) noexcept {
  const std::int64_t* const lt = in.lt;
  const std::int64_t* const rt = in.rt;
  std::uint32_t* const out = lane.out;
  const std::int64_t rows = lane.end - lane.i;
  if (rows <= 0) return;
  std::int64_t i[kStrands];
  std::int64_t j[kStrands];
  std::int64_t i_end[kStrands];
  std::int64_t j_end[kStrands];
  for (int s = 0; s < kStrands; ++s) {
    i[s] = lane.i + rows * s / kStrands;
    i_end[s] = lane.i + rows * (s + 1) / kStrands;
    const std::int64_t from = s == 0 ? lane.j : j[s - 1];
    j[s] = s == 0 ? from : from + rows_before(rt + from, in.right_count - from, lt[i[s]], kStrict);
    if (s > 0) j_end[s - 1] = j[s];
  }
  j_end[kStrands - 1] = in.right_count;
  const auto step = [&](std::int64_t& a, std::int64_t& b) {
    const bool take = kStrict ? rt[b] < lt[a] : rt[b] <= lt[a];
    out[a] = static_cast<std::uint32_t>(b) - 1;
    b += take;
    a += !take;
  };
  for (;;) {
    std::int64_t steps = INT64_MAX;
    for (int s = 0; s < kStrands; ++s) steps = std::min({steps, i_end[s] - i[s], j_end[s] - j[s]});
    if (steps <= 0) break;
    std::int64_t i0 = i[0], i1 = i[1], i2 = i[2], i3 = i[3], j0 = j[0], j1 = j[1], j2 = j[2], j3 = j[3];
    for (; steps > 0; --steps) {
      step(i0, j0);
      step(i1, j1);
      step(i2, j2);
      step(i3, j3);
    }
    i[0] = i0, i[1] = i1, i[2] = i2, i[3] = i3, j[0] = j0, j[1] = j1, j[2] = j2, j[3] = j3;
  }
  for (int s = 0; s < kStrands; ++s) {
    while (i[s] < i_end[s]) {
      const std::int64_t steps = std::min(i_end[s] - i[s], j_end[s] - j[s]);
      if (steps == 0) break;
      for (std::int64_t k = 0; k < steps; ++k) step(i[s], j[s]);
    }
    for (; i[s] < i_end[s]; ++i[s]) out[i[s]] = static_cast<std::uint32_t>(j[s]) - 1;
  }
  lane.i = lane.end;
  lane.j = j[kStrands - 1];
}

std::int64_t rows_ahead(const MergeInput& in, const Lane& lane) noexcept {
  return std::min(lane.end - lane.i, in.right_count - lane.j);
}

template <typename Step>
void run_one(const Step& step, const MergeInput& in, Lane& lane) noexcept {
  while (lane.i < lane.end) {
    const std::int64_t steps = rows_ahead(in, lane);
    if (steps == 0) return step.drain(lane);
    auto place = Step::place(in, lane, steps);
    for (std::int64_t s = -steps; s < 0; ++s) step(s, place);
    Step::leave(lane, place, steps);
  }
}

// Interleaved while both lanes have rows of both sides left.
template <typename Step>
void run_two(const Step& step, const MergeInput& in, Lane& a, Lane& b) noexcept {
  for (;;) {
    const std::int64_t steps = std::min(rows_ahead(in, a), rows_ahead(in, b));
    if (steps <= 0) break;
    auto at = Step::place(in, a, steps);
    auto bt = Step::place(in, b, steps);
    std::int64_t s = -steps;
    while (s < 0) {
      step.prefetch(at.j);
      step.prefetch(bt.j);
      for (const std::int64_t stop = std::min<std::int64_t>(0, s + kStretch); s < stop; ++s) {
        step(s, at);
        step(s, bt);
      }
    }
    Step::leave(a, at, steps);
    Step::leave(b, bt, steps);
  }
  run_one(step, in, a);
  run_one(step, in, b);
}

template <typename Step>
void run(const MergeInput& input, Lane* lanes, int count) noexcept {
  const Step step(input);
  int l = 0;
  for (; l + 1 < count; l += 2) run_two(step, input, lanes[l], lanes[l + 1]);
  if (l < count) run_one(step, input, lanes[l]);
}

}  // namespace

void merge_lanes(const MergeInput& input, Lane* lanes, int count) noexcept {
  if (input.rc != nullptr) {
    const bool positive = input.lt != nullptr && input.right_count > 0 && lanes[0].end > 0 &&
                          input.rt[0] >= 0 && input.lt[0] >= 0;
    if (positive) {
      input.strict ? run<KeyedStep<true, std::uint64_t>>(input, lanes, count)
                   : run<KeyedStep<false, std::uint64_t>>(input, lanes, count);
    } else {
      input.strict ? run<KeyedStep<true, std::int64_t>>(input, lanes, count)
                   : run<KeyedStep<false, std::int64_t>>(input, lanes, count);
    }
    return;
  }
  for (int l = 0; l < count; ++l) {
    input.strict ? place_block<true>(input, lanes[l]) : place_block<false>(input, lanes[l]);
  }
}

std::int64_t rows_before(const std::int64_t* rt, std::int64_t count, std::int64_t t, bool strict) noexcept {
  return (strict ? std::lower_bound(rt, rt + count, t) : std::upper_bound(rt, rt + count, t)) - rt;
}

Buffer start_tables(const Context& context, const RightSequence& right,
                    const std::vector<std::int64_t>& positions) {
  const auto groups = static_cast<std::size_t>(right.groups);
  const std::size_t chunks = positions.size();
  Buffer tables(groups * chunks * 4);
  auto* all = tables.as<std::uint32_t>();
  const std::int32_t* code = right.order.code;
  context.tasks(static_cast<std::int64_t>(chunks), [&](std::int64_t k, int) {
    std::uint32_t* table = all + static_cast<std::size_t>(k) * groups;
    std::memset(table, 0xFF, groups * 4);
    const std::int64_t stop = k == 0 ? 0 : positions[static_cast<std::size_t>(k) - 1];
    std::int64_t missing = right.groups - kFirstKey;
    for (std::int64_t j = positions[static_cast<std::size_t>(k)] - 1; j >= stop && missing > 0; --j) {
      std::uint32_t& last = table[code[j]];
      if (last != kNone) continue;
      last = static_cast<std::uint32_t>(j);
      missing -= code[j] >= kFirstKey;
    }
  });
  const auto count = static_cast<std::uint32_t>(right.order.count);
  const bool chained = right.chained();
  context.ranges(right.groups, kTaskRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::size_t k = 1; k < chunks; ++k) {
      std::uint32_t* table = all + k * groups;
      const std::uint32_t* before = table - groups;
      for (std::int64_t c = begin; c < end; ++c) {
        if (table[c] == kNone) table[c] = before[c];
      }
    }
    for (std::size_t k = 0; k < chunks; ++k) {
      std::uint32_t* table = all + k * groups;
      for (std::int64_t c = begin; chained && c < end; ++c) {
        if (table[c] == kNone) table[c] = count + static_cast<std::uint32_t>(c);
      }
      // Left rows that can match nothing must find nothing, whatever dead right rows wrote elsewhere.
      if (begin == 0) table[kDeadLeft] = chained ? count + kDeadLeft : kNone;
    }
  });
  return tables;
}

MergeRun::MergeRun(const Context& context, const std::int64_t* lt, const RightSequence& right, bool strict,
                   const std::vector<std::int64_t>& cuts)
    : input_{lt, right.order.t, right.order.code, right.order.count, strict}, cuts_(cuts) {
  for (std::size_t k = 0; k + 1 < cuts.size(); ++k) {
    positions_.push_back(cuts[k] < cuts[k + 1]
                             ? rows_before(input_.rt, input_.right_count, lt[cuts[k]], strict)
                         : k > 0 ? positions_.back()
                                 : 0);
  }
  if (input_.rc != nullptr) {
    groups_ = static_cast<std::size_t>(right.groups);
    tables_ = start_tables(context, right, positions_);
  }
}

Lane MergeRun::lane(std::size_t k) noexcept {
  Lane lane;
  lane.i = lane.end = cuts_[k];
  lane.j = positions_[k];
  lane.last = input_.rc == nullptr ? nullptr : tables_.as<std::uint32_t>() + k * groups_;
  return lane;
}

std::vector<std::int64_t> cut_left(std::int64_t left_rows, const std::vector<MergeSides>& streams,
                                   std::int64_t chunks) {
  const auto work_before = [&](std::int64_t i) {
    std::int64_t work = i;
    for (const MergeSides& s : streams) {
      const Ordered& right = s.right->order;
      work += i == left_rows ? right.count : rows_before(right.t, right.count, s.lt[i], s.strict);
    }
    return work;
  };
  std::vector<std::int64_t> cuts{0};
  const std::int64_t words = left_rows / 64;
  // Right rows before the first left row are skipped, not merged.
  const std::int64_t start = left_rows > 0 ? work_before(0) : 0;
  const std::int64_t total = work_before(left_rows) - start;
  for (std::int64_t k = 1; k < chunks; ++k) {
    const std::int64_t wanted = start + total / chunks * k;
    std::int64_t low = cuts.back() / 64;
    std::int64_t high = words;
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if (work_before(middle * 64) < wanted) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    cuts.push_back(low * 64);
  }
  cuts.push_back(left_rows);
  return cuts;
}

void match_ordered(const Context& context, const Ordered& left, const RightSequence& right,
                   const Choice& choice, bool strict, const std::int32_t* forward_rows, std::int32_t* match,
                   Tally& tally) {
  constexpr std::int64_t kBlock = kMergeBlock;
  const std::int64_t chunks = left.count < 2 * kTaskRows ? 1 : context.threads;
  const std::vector<std::int64_t> cuts = cut_left(left.count, {{left.t, &right, strict}}, chunks);
  MergeRun run(context, left.t, right, strict, cuts);
  std::mutex mutex;
  context.tasks(chunks, [&](std::int64_t k, int) {
    MergeScratch scratch;
    std::int32_t rows[kBlock];
    std::int32_t ahead[kBlock];
    Tally mine;
    Lane lane = run.lane(static_cast<std::size_t>(k));
    const std::int64_t end = cuts[static_cast<std::size_t>(k) + 1];
    while (lane.i < end) {
      const std::int64_t begin = lane.i;
      context.check_cancelled();
      lane.end = std::min(end, begin + kBlock);
      lane.out = scratch.raw() - begin;
      if (right.order.code != nullptr) std::copy(left.code + begin, left.code + lane.end, scratch.codes());
      merge_lanes(run.input(), &lane, 1);
      if (forward_rows != nullptr) {
        for (std::int64_t i = begin; i < lane.end; ++i) ahead[i - begin] = forward_rows[left.row[i]];
      }
      choose_block(choice, right, left.t + begin, scratch.raw(), forward_rows != nullptr ? ahead : nullptr,
                   lane.end - begin, rows, mine);
      for (std::int64_t i = begin; i < lane.end; ++i) match[left.row[i]] = rows[i - begin];
    }
    const std::lock_guard<std::mutex> lock(mutex);
    tally.matched += mine.matched;
    tally.too_far += mine.too_far;
  });
}

}  // namespace flowstate::asof

#include "flowstate/device/device_matcher.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "device/asof_rules.h"

namespace flowstate::device {

namespace {

// A side's arrays in device memory.
struct Uploaded {
  Array<std::int64_t> t;
  Array<std::int32_t> code;
  Array<std::int64_t> seen;

  JoinRows rows(const asof::Matcher::Side& side) const {
    return {t.data(), code.data(), static_cast<std::uint32_t>(side.count),
            side.ascending ? RowOrder::kByTime : RowOrder::kUnknown};
  }
};

template <typename Value>
void add(std::vector<Copy>& copies, Array<Value>& array, const Value* host, JoinWork& work,
         std::size_t count) {
  if (host == nullptr || count == 0) return;
  array = work.array<Value>(count);
  copies.push_back({array.data(), host, array.bytes(), 0});
}

// Returns when the host's arrays have been read or lie where the copy engine reads them; work given to the stream from
// then on comes after the copies. What came out of the pool may still be used by earlier work of that stream.
Uploaded upload(JoinWork& work, Transfer& transfer, const asof::Matcher::Side& side, const std::int64_t* seen,
                const std::atomic<bool>* cancel, std::size_t& bytes) {
  Uploaded result;
  std::vector<Copy> copies;
  const auto count = static_cast<std::size_t>(side.count);
  add(copies, result.t, side.t, work, count);
  add(copies, result.code, side.code, work, count);
  add(copies, result.seen, seen, work, count);
  for (const Copy& copy : copies) bytes += copy.bytes;
  if (copies.empty()) return result;
  Device& device = work.pool().device();
  const std::unique_ptr<Event> free = device.create_event();
  const std::unique_ptr<Event> there = device.create_event();
  work.stream().record(*free);
  transfer.to_device(copies, *there, {free.get(), cancel});
  work.stream().wait(*there);
  return result;
}

}  // namespace

double CopyRate::get(JoinWork& work) {
  if (const double known = rate_.load(); known > 0) return known;
  constexpr std::size_t kBytes = std::size_t{32} << 20;
  Device& device = work.pool().device();
  const Array<std::byte> from = work.array<std::byte>(kBytes);
  const Array<std::byte> to = work.array<std::byte>(kBytes);
  double best = 0;
  work.stream().fill(from.data(), 1, kBytes);
  for (int round = 0; round < 4; ++round) {
    const auto begin = device.create_event();
    const auto end = device.create_event();
    work.stream().record(*begin);
    work.stream().copy_on_device(to.data(), from.data(), kBytes);
    work.stream().record(*end);
    end->synchronize();
    const double ms = end->elapsed_ms_since(*begin);
    if (ms > 0) best = std::max(best, 2.0 * static_cast<double>(kBytes) / (ms / 1e3));
  }
  rate_.store(best);
  return best;
}

namespace {

void describe(JoinWork& work, const asof::Matcher::Task& task, MatchPlan plan, std::size_t up,
              std::size_t down, double copy_rate, asof::Explain& explain) {
  explain.plan = plan == MatchPlan::kProbe ? "device probe" : "device merge";
  explain.reason = plan == MatchPlan::kProbe ? "few left rows: each searches its key's right rows"
                                             : "both sides are put in order by key and merged in equal tiles";
  std::int64_t bytes = 0;
  for (const WorkPhase& phase : work.phases()) {
    const bool is_link = phase.name.starts_with("upload") || phase.name == "download";
    if (!is_link) bytes += phase.bytes;
    explain.phases.push_back({"device: " + phase.name, phase.ns, phase.bytes});
  }
  explain.statistics = {
      {"left_rows", task.left.count},
      {"right_rows", task.right.count},
      {"left_ascends", task.left.ascending ? 1 : 0},
      {"right_ascends", task.right.ascending ? 1 : 0},
      {"key_codes", task.right.code == nullptr ? 0 : task.groups - functors::kFirstLiveCode},
      {"uploaded_bytes", static_cast<std::int64_t>(up)},
      {"downloaded_bytes", static_cast<std::int64_t>(down)},
      {"device_bytes", bytes},
      {"device_copy_bytes_per_second", std::llround(copy_rate)},
      {"device_floor_ns", std::llround(static_cast<double>(bytes) / copy_rate * 1e9)}};
}

}  // namespace

struct DeviceMatcher::Left {
  Side side;
  Uploaded uploaded;
  std::optional<GroupedRows> grouped;
  std::int32_t groups = 0;
};

DeviceMatcher::DeviceMatcher(Parts parts)
    : parts_(std::move(parts)), stream_(parts_.device->create_stream()) {}

// The arrays go back to the pool in the order of the stream, which ends after them.
DeviceMatcher::~DeviceMatcher() { lefts_.clear(); }

void DeviceMatcher::begin() { lefts_.clear(); }

DeviceMatcher::Left& DeviceMatcher::left_of(JoinWork& work, const Task& task, std::size_t& up) {
  for (const auto& left : lefts_) {
    if (left->side.t == task.left.t && left->side.code == task.left.code && left->groups == task.groups) {
      return *left;
    }
  }
  auto fresh = std::make_unique<Left>();
  fresh->side = task.left;
  fresh->groups = task.groups;
  const std::size_t before = up;
  fresh->uploaded = upload(work, *parts_.transfer, task.left, nullptr, task.cancel, up);
  work.end_phase("upload the left side", up - before);
  lefts_.push_back(std::move(fresh));
  return *lefts_.back();
}

asof::Matcher::Counts DeviceMatcher::match(const Task& task, std::int32_t* out, asof::Explain& explain) {
  JoinWork work(parts_.pool, stream_, {task.explain, task.cancel});
  std::size_t up = 0;
  const functors::AsofRules rules = rules_of(*task.request, task.is_float);
  const Uploaded right = upload(work, *parts_.transfer, task.right, task.seen, task.cancel, up);
  work.end_phase("upload the right side", up);
  // Its kernels run while the left side is on its way.
  const JoinIndex index(work, right.rows(task.right), right.seen.data(), task.groups);
  Left& mine = left_of(work, task, up);
  const JoinRows rows = mine.uploaded.rows(task.left);
  const Array<std::int32_t> match = work.array<std::int32_t>(rows.count);
  const MatchPlan plan = parts_.plan == MatchPlan::kAuto ? choose_plan(rows, index) : parts_.plan;
  MatchCounts counts;
  if (plan == MatchPlan::kProbe) {
    counts = match_by_probe(work, rows, index, rules, match.data());
  } else {
    if (!mine.grouped) mine.grouped = group_rows(work, rows, task.groups);
    counts = match_by_merge(work, *mine.grouped, index, rules, match.data());
  }
  const std::unique_ptr<Event> matched = parts_.device->create_event();
  const std::unique_ptr<Event> down = parts_.device->create_event();
  stream_->record(*matched);
  const std::array<Copy, 1> copy{Copy{out, match.data(), match.bytes(), 0}};
  parts_.transfer->to_host(copy, *down, {matched.get(), task.cancel});
  down->synchronize();
  stream_->wait(*down);
  work.end_phase("download", match.bytes());
  if (task.explain) {
    describe(work, task, plan, up, match.bytes(), parts_.copy_rate->get(work), explain);
  }
  return {counts.matched, counts.too_far};
}

}  // namespace flowstate::device

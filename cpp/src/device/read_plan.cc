#include "device/read_plan.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

namespace flowstate::device {

namespace {

// cuFile's default limit of one batch.
constexpr std::size_t kMostPieces = 128;

void check(const ReadRange& range) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (range.target == nullptr)
    throw Error(ErrorCode::ARG_RANGE, "a range of " + range.path + " has no target");
  if (range.bytes > kMost || range.offset > kMost - range.bytes) {
    throw Error(ErrorCode::ARG_RANGE,
                "a range of " + range.path + " at offset " + std::to_string(range.offset) + " with " +
                    std::to_string(range.bytes) + " bytes goes beyond what a file can hold");
  }
}

}  // namespace

void ReaderCounters::add(const std::string& path, std::uint64_t ranges, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  auto found = std::find_if(stats_.paths.begin(), stats_.paths.end(),
                            [&](const auto& entry) { return entry.name == path; });
  if (found == stats_.paths.end()) found = stats_.paths.insert(found, {path, 0, 0});
  found->ranges += ranges;
  found->bytes += bytes;
}

void ReaderCounters::add_fallback(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  auto& fallbacks = stats_.fallbacks;
  auto found = std::find_if(fallbacks.begin(), fallbacks.end(),
                            [&](const auto& entry) { return entry.first == reason; });
  if (found == fallbacks.end()) found = fallbacks.insert(found, {reason, 0});
  ++found->second;
}

void ReaderCounters::add_short(std::uint64_t short_reads, std::uint64_t retries, std::uint64_t interrupted) {
  const std::lock_guard lock(mutex_);
  stats_.short_reads += short_reads;
  stats_.retries += retries;
  stats_.interrupted += interrupted;
}

ReaderStats ReaderCounters::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

DirectFile* SourceFile::direct(Device& device, ReadMode mode, ReaderCounters& counters) {
  if (mode == ReadMode::kPosix) return nullptr;
  const std::lock_guard lock(mutex_);
  if (given_up_) return nullptr;
  if (!tried_) {
    std::string reason;
    direct_ = device.open_direct(path_, reason);
    if (direct_ == nullptr && mode == ReadMode::kDirect) {
      throw Error(ErrorCode::GDS_UNAVAILABLE, "no direct reads of " + path_ + ": " + reason);
    }
    tried_ = true;
    if (direct_ == nullptr) counters.add_fallback(reason);
  }
  return direct_.get();
}

void SourceFile::give_up_direct(const std::string& reason, ReaderCounters& counters) {
  const std::lock_guard lock(mutex_);
  if (!given_up_) counters.add_fallback(reason);
  given_up_ = true;
}

const PlainFile& SourceFile::plain() {
  const std::lock_guard lock(mutex_);
  if (!plain_.has_value()) plain_.emplace(path_);
  return *plain_;
}

ReadPlan plan_reads(std::span<const ReadRange> ranges, std::size_t task_bytes) {
  ReadPlan plan;
  struct Open {
    SourceFile* file;
    ReadTask pending;  // small pieces that share a task
    std::size_t bytes = 0;
  };
  std::unordered_map<std::string, Open> by_path;
  std::vector<Open*> in_order;
  const auto flush = [&](Open& open) {
    if (open.pending.pieces.empty()) return;
    plan.tasks.push_back(std::move(open.pending));
    open.pending = {open.file, {}};
    open.bytes = 0;
  };
  for (const ReadRange& range : ranges) {
    if (range.bytes == 0) continue;
    check(range);
    auto [entry, is_new] = by_path.try_emplace(range.path);
    Open& open = entry->second;
    if (is_new) {
      plan.files.push_back(std::make_unique<SourceFile>(range.path));
      open.file = plan.files.back().get();
      open.pending.file = open.file;
      in_order.push_back(&open);
    }
    for (std::size_t done = 0; done < range.bytes;) {
      const std::uint64_t at = range.offset + done;
      // To the last page border within the task, so that only a range's own ends are unaligned.
      const std::uint64_t border = (at + task_bytes) / kPageBytes * kPageBytes;
      const std::size_t bytes =
          static_cast<std::size_t>(std::min<std::uint64_t>(border - at, range.bytes - done));
      if (open.bytes + bytes > task_bytes || open.pending.pieces.size() == kMostPieces) flush(open);
      open.pending.pieces.push_back({at, bytes, static_cast<std::uint8_t*>(range.target) + done, done == 0});
      open.bytes += bytes;
      done += bytes;
    }
  }
  for (Open* open : in_order) flush(*open);
  return plan;
}

}  // namespace flowstate::device

#include "pending.h"

#include <algorithm>
#include <iterator>
#include <new>

namespace flowstate::stream {
namespace {

constexpr std::size_t kTidyFrom = 4096;

void grow(std::vector<PendingRow>& rows, std::size_t more) {
  if (rows.capacity() - rows.size() >= more) return;
  rows.reserve(std::max(rows.size() + more, rows.capacity() * 2));
}

}  // namespace

void Pending::reserve(std::int64_t count) {
  const auto n = static_cast<std::size_t>(count);
  batch_.clear();
  grow(batch_, n);
  grow(spare_, n);
  for (Run& run : runs_) {
    // The dead front of a run is given up before its storage grows.
    if (run.head >= kTidyFrom / 4 && run.head * 2 > run.rows.size()) {
      run.rows.erase(run.rows.begin(), run.rows.begin() + static_cast<std::ptrdiff_t>(run.head));
      run.head = 0;
    }
    grow(run.rows, n);
  }
  if (runs_.capacity() == runs_.size()) runs_.reserve(runs_.size() * 2 + 4);
}

void Pending::add(const std::uint32_t* slots, std::int64_t count, const RowStore& store) noexcept {
  if (count == 0) return;
  bool ordered = true;
  for (std::int64_t i = 0; i < count; ++i) {
    batch_.push_back({store.header(slots[i]).time, slots[i]});
    ordered &= i == 0 ||
               !before(batch_[static_cast<std::size_t>(i)], batch_[static_cast<std::size_t>(i) - 1], store);
  }
  size_ += count;
  const auto less = [&store](const PendingRow& a, const PendingRow& b) { return before(a, b, store); };
  if (!ordered) std::sort(batch_.begin(), batch_.end(), less);
  for (Run& run : runs_) {
    if (run.size() > 0 && before(batch_.front(), run.rows.back(), store)) continue;
    run.rows.insert(run.rows.end(), batch_.begin(), batch_.end());
    batch_.clear();
    return;
  }
  runs_.emplace_back();
  runs_.back().rows.swap(spare_);
  runs_.back().rows.assign(batch_.begin(), batch_.end());
  batch_.clear();
  while (runs_.size() > 1 && runs_.back().size() * 2 >= runs_[runs_.size() - 2].size()) {
    Run& into = runs_[runs_.size() - 2];
    Run& last = runs_.back();
    try {
      std::vector<PendingRow> merged;
      merged.reserve((into.size() + last.size()) * 5 / 4);
      std::merge(into.rows.begin() + static_cast<std::ptrdiff_t>(into.head), into.rows.end(),
                 last.rows.begin() + static_cast<std::ptrdiff_t>(last.head), last.rows.end(),
                 std::back_inserter(merged), less);
      into.rows = std::move(merged);
    } catch (const std::bad_alloc&) {
      return;  // two runs instead of one are only slower
    }
    into.head = 0;
    spare_ = std::move(last.rows);
    spare_.clear();
    runs_.pop_back();
  }
}

std::int64_t Pending::lowest() const noexcept {
  std::int64_t lowest = INT64_MAX;
  for (const Run& run : runs_) {
    if (run.size() > 0) lowest = std::min(lowest, run.rows[run.head].time);
  }
  return lowest;
}

void Pending::start() noexcept {
  for (Run& run : runs_) run.cursor = run.head;
  picked_.clear();
  from_.clear();
}

std::size_t Pending::read(std::size_t count, std::int64_t bound, bool unbounded, const RowStore& store) {
  const auto open = [&](const Run& run) {
    return run.cursor < run.rows.size() && (unbounded || run.rows[run.cursor].time < bound);
  };
  std::size_t got = 0;
  if (runs_.size() == 1) {
    Run& run = runs_[0];
    for (; got < count && open(run); ++got) picked_.push_back(run.rows[run.cursor++]);
    return got;
  }
  while (got < count) {
    std::size_t best = runs_.size();
    std::size_t second = runs_.size();
    for (std::size_t r = 0; r < runs_.size(); ++r) {
      if (!open(runs_[r])) continue;
      const PendingRow& row = runs_[r].rows[runs_[r].cursor];
      if (best == runs_.size() || before(row, runs_[best].rows[runs_[best].cursor], store)) {
        second = best;
        best = r;
      } else if (second == runs_.size() || before(row, runs_[second].rows[runs_[second].cursor], store)) {
        second = r;
      }
    }
    if (best == runs_.size()) break;
    Run& run = runs_[best];
    // As long as this run stays ahead of the second, the others need no look.
    const PendingRow* limit = second == runs_.size() ? nullptr : &runs_[second].rows[runs_[second].cursor];
    do {
      picked_.push_back(run.rows[run.cursor++]);
      from_.push_back(static_cast<std::uint32_t>(best));
      ++got;
    } while (got < count && open(run) && (limit == nullptr || before(run.rows[run.cursor], *limit, store)));
  }
  return got;
}

void Pending::take(std::size_t count) noexcept {
  if (from_.empty() && !runs_.empty()) {
    runs_[0].head += count;
  } else {
    for (std::size_t i = 0; i < count; ++i) ++runs_[from_[i]].head;
  }
  size_ -= static_cast<std::int64_t>(count);
  picked_.clear();
  from_.clear();
  tidy();
}

void Pending::tidy() noexcept {
  std::size_t stay = 0;
  for (std::size_t r = 0; r < runs_.size(); ++r) {
    Run& run = runs_[r];
    if (run.size() == 0) {
      run.rows.clear();
      run.head = 0;
      if (run.rows.capacity() > spare_.capacity()) spare_.swap(run.rows);
      continue;
    }
    if (stay != r) std::swap(runs_[stay], run);
    ++stay;
  }
  runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(stay), runs_.end());
  for (Run& run : runs_) {
    if (run.head >= kTidyFrom && run.head * 2 > run.rows.size()) {
      run.rows.erase(run.rows.begin(), run.rows.begin() + static_cast<std::ptrdiff_t>(run.head));
      run.head = 0;
    }
  }
  // Rows left runs at different speeds: keep the sizes falling, so that their number stays logarithmic.
  std::stable_sort(runs_.begin(), runs_.end(),
                   [](const Run& a, const Run& b) { return a.size() > b.size(); });
}

void Pending::clear() noexcept {
  runs_.clear();
  picked_.clear();
  from_.clear();
  size_ = 0;
}

}  // namespace flowstate::stream

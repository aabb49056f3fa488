// Late rows that are repaired or reported: which emitted rows they change, and the changes as retractions and
// insertions.
#include <algorithm>

#include "engine_state.h"

namespace flowstate::stream {

namespace {

template <typename T>
void grow(std::vector<T>& values, std::size_t size) {
  if (values.capacity() < size) values.reserve(std::max(size, values.capacity() * 2));
}

bool keeps_emitted(const StreamShape& shape) noexcept {
  return shape.late == LatePolicy::kRevise || shape.late == LatePolicy::kSideOutput;
}

}  // namespace

void Kept::reserve(std::int64_t rows) {
  const auto more = static_cast<std::size_t>(rows);
  const std::size_t count = slots_.size() + more;
  grow(slots_, count);
  grow(previous_, count * static_cast<std::size_t>(layout_.streams));
  grow(changed_, static_cast<std::size_t>(live_) + more);
}

void Kept::give_up_front() noexcept {
  const auto gone = static_cast<std::ptrdiff_t>(head_);
  slots_.erase(slots_.begin(), slots_.begin() + gone);
  previous_.erase(previous_.begin(), previous_.begin() + gone * layout_.streams);
  base_ += gone;
  head_ = 0;
}

void Kept::add(std::uint32_t slot, std::int64_t row_id, const std::uint32_t* matches, RowStore& left,
               std::vector<RightSide>& rights) noexcept {
  const std::int64_t index = base_ + static_cast<std::int64_t>(slots_.size());
  slots_.push_back(slot);
  left.word(slot, layout_.row_id()) = row_id;
  left.word(slot, layout_.changed()) = 0;
  for (int s = 0; s < layout_.streams; ++s) {
    RightSide& right = rights[static_cast<std::size_t>(s)];
    left.word(slot, layout_.shown(s)) = left.word(slot, layout_.current(s)) = matches[s];
    if (matches[s] != kNoSlot) {
      right.rows().keep(matches[s]);
      right.rows().keep(matches[s]);
    }
    const std::int64_t code = left.word(slot, s);
    previous_.push_back(-1);
    if (code < 0) continue;
    KeyRows& key = right.key(static_cast<std::int32_t>(code));
    previous_.back() = key.kept;
    key.kept = index;
  }
  ++live_;
}

void Kept::drop(std::uint32_t& slot, RowStore& left, std::vector<RightSide>& rights) noexcept {
  for (int s = 0; s < layout_.streams; ++s) {
    for (const int word : {layout_.shown(s), layout_.current(s)}) {
      const auto match = static_cast<std::uint32_t>(left.word(slot, word));
      if (match != kNoSlot) rights[static_cast<std::size_t>(s)].rows().release(match);
    }
  }
  left.release(slot);
  slot = kNoSlot;
  --live_;
}

std::int64_t StreamEngine::Impl::behind_horizon(std::size_t input, std::int64_t w) const noexcept {
  const bool is_left = input == 0;
  const Kind kind = is_left ? config.left_kind : config.streams[input - 1].kind;
  std::int64_t span = config.horizon;
  if (!is_left && __builtin_mul_overflow(span, config.streams[input - 1].left_scale, &span)) span = INT64_MAX;
  return minus(w, kind, span, config.horizon_float);
}

// Whether no right row that would still be taken can change what the row at left time t matched.
bool StreamEngine::Impl::settled(std::uint32_t slot) const noexcept {
  if (left.word(slot, kept.layout().changed()) != 0) return false;
  for (std::size_t s = 0; s < rights.size() && !ended; ++s) {
    // Nothing late is looked at in this stream, or no row of it ever matches: a key of null would else be kept for good.
    if (!keeps_emitted(config.streams[s]) || left.word(slot, static_cast<int>(s)) < 0) continue;
    const StreamRules& rules = rights[s].rules();
    const std::int64_t w = behind_horizon(s + 1, inputs[s + 1].watermark);
    const std::int64_t t = aligned(s, left.header(slot).time);
    if (w == kBegin) return false;
    if (!rules.looks_ahead()) {
      if (!rules.behind_final(t, w)) return false;
      continue;
    }
    const auto match =
        static_cast<std::uint32_t>(left.word(slot, kept.layout().current(static_cast<int>(s))));
    if (rules.past_reach(t, w)) continue;
    if (match == kNoSlot) return false;
    const std::int64_t m = rights[s].rows().header(match).time;
    if (m >= t && rules.direction == asof::Direction::kForward ? w <= m : !rules.past_mirror(t, m, w))
      return false;
  }
  return true;
}

// Emitted rows that the right row in `slot` would change: change(left slot) for each.
template <typename Change>
void StreamEngine::Impl::each_changed(std::size_t s, std::uint32_t slot, Change&& change) {
  const RightSide& right = rights[s];
  const std::int32_t code = right.code(slot);
  if (code < 0) return;
  const std::int64_t r = right.rows().header(slot).time;
  const int stream = static_cast<int>(s);
  // In ordered output the rows of a key ascend in time, but for late ones that were repaired.
  const bool descends =
      config.ordered && !right.rules().looks_ahead() && config.left_late != LatePolicy::kRevise;
  kept.each_of(right.key(code), stream, [&](std::uint32_t row) {
    const std::int64_t t = aligned(s, left.header(row).time);
    const auto match = static_cast<std::uint32_t>(left.word(row, kept.layout().current(stream)));
    if (right.beats(t, slot, match)) change(row);
    return !descends || t >= r;
  });
}

void StreamEngine::Impl::report_affected(std::size_t s, LateRow& late) {
  each_changed(s, late.slot,
               [&](std::uint32_t row) { late.affected.push_back(left.word(row, kept.layout().row_id())); });
  std::sort(late.affected.begin(), late.affected.end());
}

void StreamEngine::Impl::repair(std::size_t s, std::uint32_t slot) noexcept {
  RowStore& rows = rights[s].rows();
  const int current = kept.layout().current(static_cast<int>(s));
  each_changed(s, slot, [&](std::uint32_t row) {
    const auto before = static_cast<std::uint32_t>(left.word(row, current));
    if (before != kNoSlot) rows.release(before);
    rows.keep(slot);
    left.word(row, current) = slot;
    if (left.word(row, kept.layout().changed()) != 0) return;
    left.word(row, kept.layout().changed()) = 1;
    kept.changed().push_back(row);
  });
}

// The listed changes as rows of the output, by row id; how many of them, from the first on, were looked at. The last may
// take one row more than there is room for: a retraction and its insertion stay together.
std::size_t StreamEngine::Impl::revise(std::size_t room, Judged& out) {
  const KeptLayout& layout = kept.layout();
  std::vector<std::uint32_t>& changed = kept.changed();
  std::sort(changed.begin(), changed.end(), [&](std::uint32_t a, std::uint32_t b) {
    return left.word(a, layout.row_id()) < left.word(b, layout.row_id());
  });
  const auto put = [&](std::uint32_t row, bool old) {
    out.left.push_back(row);
    out.ids.push_back(left.word(row, layout.row_id()));
    out.ops.push_back(old ? -1 : 1);
    for (int s = 0; s < layout.streams; ++s) {
      out.matched[static_cast<std::size_t>(s)].push_back(
          static_cast<std::uint32_t>(left.word(row, old ? layout.shown(s) : layout.current(s))));
    }
  };
  std::size_t looked = 0;
  for (; looked < changed.size() && out.left.size() < room; ++looked) {
    const std::uint32_t row = changed[looked];
    bool same = true;
    bool shown = true;
    bool shows = true;
    for (int s = 0; s < layout.streams; ++s) {
      const std::int64_t before = left.word(row, layout.shown(s));
      const std::int64_t now = left.word(row, layout.current(s));
      same &= before == now;
      const bool inner = config.streams[static_cast<std::size_t>(s)].inner;
      shown &= !inner || before != std::int64_t{kNoSlot};
      shows &= !inner || now != std::int64_t{kNoSlot};
    }
    if (same) continue;
    if (shown) put(row, true);
    if (shows) put(row, false);
  }
  return looked;
}

void StreamEngine::Impl::settle_revisions(std::size_t looked) noexcept {
  const KeptLayout& layout = kept.layout();
  std::vector<std::uint32_t>& changed = kept.changed();
  for (std::size_t i = 0; i < looked; ++i) {
    const std::uint32_t row = changed[i];
    left.word(row, layout.changed()) = 0;
    for (int s = 0; s < layout.streams; ++s) {
      RowStore& rows = rights[static_cast<std::size_t>(s)].rows();
      const auto before = static_cast<std::uint32_t>(left.word(row, layout.shown(s)));
      const auto now = static_cast<std::uint32_t>(left.word(row, layout.current(s)));
      if (before == now) continue;
      if (before != kNoSlot) rows.release(before);
      if (now != kNoSlot) rows.keep(now);
      left.word(row, layout.shown(s)) = now;
    }
  }
  changed.erase(changed.begin(), changed.begin() + static_cast<std::ptrdiff_t>(looked));
}

}  // namespace flowstate::stream

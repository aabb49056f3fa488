// Final rows go out: judged block by block from the front of what waits, gathered, and only then taken out.
#include <algorithm>
#include <cstring>
#include <string>

#include "engine_state.h"
#include "flowstate/error.h"

namespace flowstate::stream {
namespace {

using asof::OutputColumn;

constexpr std::size_t kBlock = 256;
constexpr std::size_t kAhead = 24;  // rows between a prefetch and its use

void set_bits(const std::vector<std::uint32_t>& slots, Buffer& bits, std::int64_t& clear) {
  bits = Buffer((slots.size() + 7) / 8);
  if (slots.empty()) return;
  std::memset(bits.data(), 0, bits.size());
  clear = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const bool on = slots[i] != kNoSlot;
    bits.data()[i / 8] = static_cast<std::uint8_t>(bits.data()[i / 8] | (on ? 1u << (i % 8) : 0u));
    clear += !on;
  }
}

OutputColumn matched_column(const std::vector<std::uint32_t>& slots) {
  OutputColumn column;
  std::int64_t clear;
  set_bits(slots, column.values, clear);
  column.length = static_cast<std::int64_t>(slots.size());
  return column;
}

}  // namespace

// No left row before this will be judged any more.
std::int64_t StreamEngine::Impl::lowest_left() const noexcept {
  std::int64_t low = inputs[0].watermark;
  if (config.left_late == LatePolicy::kRevise) low = behind_horizon(0, low);
  if (pending.size() > 0) low = std::min(low, pending.lowest());
  return low;
}

void StreamEngine::Impl::evict(bool exactly) noexcept {
  const bool none_left = ended && pending.size() == 0;
  if (keeps)
    kept.expire(left, rights, exactly || none_left, [this](std::uint32_t slot) { return settled(slot); });
  const std::int64_t low = ended ? (none_left ? INT64_MAX : pending.lowest()) : lowest_left();
  for (std::size_t s = 0; s < rights.size(); ++s) {
    RightSide& right = rights[s];
    right.evict(low == kBegin ? kBegin : aligned(s, low), none_left, exactly);
    if (!right.keys().crowded(pending.size() + kept.live())) continue;
    try {
      std::vector<std::uint8_t> used(static_cast<std::size_t>(right.keys().limit()), 0);
      const auto note = [&](std::uint32_t slot) {
        const std::int64_t code = left.word(slot, static_cast<int>(s));
        if (code >= 0) used[static_cast<std::size_t>(code)] = 1;
      };
      pending.each(note);
      for (const std::uint32_t slot : untimed) note(slot);
      kept.each(note);
      right.forget_keys(used);
    } catch (const std::bad_alloc&) {
      // Keys stay known a little longer.
    }
  }
  left.compact();
}

// How many of the rows, from the first on, are final in every stream; their verdicts are appended.
std::size_t StreamEngine::Impl::judge_block(const PendingRow* rows, std::size_t count, Judged& out) {
  const std::size_t before = out.left.size();
  for (std::size_t s = 0; s < rights.size() && count > 0; ++s) {
    const RightSide& right = rights[s];
    const StreamShape& shape = config.streams[s];
    const std::int64_t w = inputs[s + 1].watermark;
    std::vector<std::uint32_t>& matched = out.matched[s];
    std::vector<std::uint8_t>& why = out.why[s];
    matched.resize(before + count);
    why.resize(before + count);
    std::int32_t codes[kBlock];
    for (std::size_t i = 0; i < count; ++i) {
      if (s == 0 && i + kAhead < count) left.prefetch(rows[i + kAhead].slot);
      codes[i] = static_cast<std::int32_t>(left.word(rows[i].slot, static_cast<int>(s)));
      right.prefetch(codes[i]);
    }
    const bool plain = shape.kind == config.left_kind && shape.left_scale == 1;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t t = plain ? rows[i].time : aligned(s, rows[i].time);
      Verdict verdict;
      if (right.is_plain()) {
        verdict = right.judge_plain(codes[i], t);
        verdict.final = ended || right.rules().behind_final(t, w);
      } else {
        verdict = right.judge(codes[i], t, w, ended);
      }
      if (!verdict.final) {
        count = i;
        break;
      }
      matched[before + i] = verdict.slot;
      why[before + i] = static_cast<std::uint8_t>(verdict.why);
      if (verdict.slot != kNoSlot) right.rows().prefetch(verdict.slot);
    }
  }
  for (std::size_t s = 0; s < rights.size(); ++s) {
    out.matched[s].resize(before + count);
    out.why[s].resize(before + count);
  }
  for (std::size_t i = 0; i < count; ++i) out.left.push_back(rows[i].slot);
  return count;
}

// Of the judged rows from `from` on, those that no inner stream drops.
std::size_t StreamEngine::Impl::put_out(const Judged& out, std::size_t from) const noexcept {
  const std::size_t end = out.left.size();
  if (!any_inner) return end - from;
  std::size_t count = 0;
  for (std::size_t i = from; i < end; ++i) {
    bool stays = true;
    for (std::size_t s = 0; s < rights.size(); ++s) {
      stays &= !config.streams[s].inner || out.matched[s][i] != kNoSlot;
    }
    count += stays;
  }
  return count;
}

// Final rows with times from the front of what waits, until `room` of them are to be put out: what an inner stream drops
// takes no room.
void StreamEngine::Impl::judge_in_order(std::size_t room, Judged& out) {
  pending.start();
  const bool bounded = config.ordered && !ended;
  std::size_t done = 0;
  std::size_t filled = 0;
  while (filled < room) {
    const std::size_t got =
        pending.read(std::min(kBlock, room - filled), inputs[0].watermark, !bounded, left);
    if (got == 0) break;
    const std::size_t from = out.left.size();
    const std::size_t final = judge_block(pending.picked().data() + done, got, out);
    done += final;
    filled += put_out(out, from);
    if (final < got) break;
  }
}

// Final rows wherever they wait: what comes before them may wait for a row ahead. Rows that no watermark has reached
// are not looked at.
void StreamEngine::Impl::judge_any(std::size_t room, Judged& out) {
  pending.start();
  std::size_t done = 0;
  std::vector<Verdict> verdicts(rights.size());
  std::size_t filled = 0;
  for (bool reached = true; reached && filled < room;) {
    const std::size_t got = pending.read(kBlock, 0, true, left);
    if (got == 0) break;
    for (std::size_t i = 0; i < got && reached && filled < room; ++i) {
      const PendingRow& row = pending.picked()[done + i];
      bool final = true;
      for (std::size_t s = 0; s < rights.size(); ++s) {
        const std::int64_t t = aligned(s, row.time);
        const std::int64_t w = inputs[s + 1].watermark;
        const auto code = static_cast<std::int32_t>(left.word(row.slot, static_cast<int>(s)));
        verdicts[s] = rights[s].judge(code, t, w, ended);
        final &= verdicts[s].final;
        reached &= verdicts[s].final || (rights[s].rules().looks_ahead() && w > t);
      }
      if (!final) continue;
      out.left.push_back(row.slot);
      for (std::size_t s = 0; s < rights.size(); ++s) {
        out.matched[s].push_back(verdicts[s].slot);
        out.why[s].push_back(static_cast<std::uint8_t>(verdicts[s].why));
      }
      filled += put_out(out, out.left.size() - 1);
    }
    done += got;
  }
}

EngineOutput StreamEngine::Impl::emit(std::int64_t max_rows) {
  EngineOutput output;
  Judged& j = judged;
  j.left.clear();
  j.ids.clear();
  j.ops.clear();
  j.matched.resize(rights.size());
  j.why.resize(rights.size());
  for (std::size_t s = 0; s < rights.size(); ++s) {
    j.matched[s].clear();
    j.why[s].clear();
  }
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(max_rows, 0));
  const std::size_t looked = most > 0 && !kept.changed().empty() ? revise(most, j) : 0;
  const std::size_t revised = j.left.size();
  const std::size_t room = most > revised ? most - revised : 0;
  for (std::size_t s = 0; s < rights.size(); ++s) j.why[s].resize(revised);
  std::sort(untimed.begin(), untimed.end(), [this](std::uint32_t a, std::uint32_t b) {
    const RowHeader& x = left.header(a);
    const RowHeader& y = left.header(b);
    return x.source != y.source ? x.source < y.source : x.sequence < y.sequence;
  });
  // An inner join drops them all.
  const std::size_t without_time = any_inner && room > 0 ? untimed.size() : std::min(room, untimed.size());
  for (std::size_t i = 0; i < without_time; ++i) {
    j.left.push_back(untimed[i]);
    for (std::size_t s = 0; s < rights.size(); ++s) {
      j.matched[s].push_back(kNoSlot);
      j.why[s].push_back(static_cast<std::uint8_t>(Why::kNoCandidate));
    }
  }
  const bool any_place = !config.ordered && any_ahead && !ended;
  const std::size_t left_over = any_inner ? room : room - without_time;
  if (any_place) {
    judge_any(left_over, j);
  } else {
    judge_in_order(left_over, j);
  }
  const std::size_t fresh = j.left.size() - revised;
  const std::size_t timed = fresh - without_time;

  output.streams.resize(rights.size());
  std::vector<std::uint8_t> keep;  // of the fresh rows; empty: all
  for (std::size_t s = 0; s < rights.size(); ++s) {
    asof::StreamStats& stats = output.streams[s].stats;
    std::int64_t count[3] = {0, 0, 0};
    for (std::size_t i = revised; i < revised + fresh; ++i) ++count[j.why[s][i]];
    stats.rows = static_cast<std::int64_t>(fresh);
    stats.matched = count[static_cast<int>(Why::kMatched)];
    stats.no_candidate = count[static_cast<int>(Why::kNoCandidate)];
    stats.tolerance_exceeded = count[static_cast<int>(Why::kTooFar)];
    if (config.streams[s].inner && stats.matched < stats.rows) {
      keep.resize(fresh, 1);
      for (std::size_t i = 0; i < fresh; ++i) keep[i] &= j.matched[s][revised + i] != kNoSlot;
    }
  }
  // Rows that an inner stream drops are numbered, judged and taken out, but not put out.
  std::vector<std::uint32_t> leaving(j.left.begin() + static_cast<std::ptrdiff_t>(revised), j.left.end());
  std::vector<std::uint32_t> found;  // of rows to be kept: matches, stream by stream for each row
  if (keeps) {
    found.reserve(fresh * rights.size());
    for (std::size_t i = revised; i < revised + fresh; ++i) {
      for (std::size_t s = 0; s < rights.size(); ++s) found.push_back(j.matched[s][i]);
    }
  }
  if (!keep.empty()) {
    std::size_t stay = revised;
    for (std::size_t i = 0; i < fresh; ++i) {
      if (keep[i] == 0) continue;
      j.left[stay] = j.left[revised + i];
      for (std::size_t s = 0; s < rights.size(); ++s) j.matched[s][stay] = j.matched[s][revised + i];
      ++stay;
    }
    j.left.resize(stay);
    for (std::size_t s = 0; s < rights.size(); ++s) j.matched[s].resize(stay);
  }
  const auto n = static_cast<std::int64_t>(j.left.size());
  output.rows = n;
  for (std::size_t c = 0; c < config.left_columns.size(); ++c) {
    output.left.push_back(left.gather(c, j.left.data(), n));
  }
  for (std::size_t s = 0; s < rights.size(); ++s) {
    EngineStream& stream = output.streams[s];
    const StreamShape& shape = config.streams[s];
    const std::size_t outputs =
        shape.outputs < 0 ? shape.payload.size() : static_cast<std::size_t>(shape.outputs);
    for (std::size_t c = 0; c < outputs; ++c) {
      stream.columns.push_back(rights[s].rows().gather(c, j.matched[s].data(), n));
    }
    if (shape.want_matched) stream.matched = matched_column(j.matched[s]);
    if (shape.want_age) stream.age = age_column(s, j.left, j.matched[s]);
  }
  output.row_ids = Buffer(static_cast<std::size_t>(n) * 8);
  std::size_t numbered = 0;
  for (; numbered < revised; ++numbered) output.row_ids.as<std::int64_t>()[numbered] = j.ids[numbered];
  for (std::size_t i = 0; i < fresh; ++i) {
    if (!keep.empty() && keep[i] == 0) continue;
    output.row_ids.as<std::int64_t>()[numbered++] = next_row_id + static_cast<std::int64_t>(i);
  }
  if (revised > 0) {
    output.ops = Buffer(static_cast<std::size_t>(n));
    std::memset(output.ops.data(), 1, output.ops.size());
    std::memcpy(output.ops.data(), j.ops.data(), revised);
    output.revisions = static_cast<std::int64_t>(revised);
  }
  if (keeps) kept.reserve(static_cast<std::int64_t>(fresh));
  std::vector<std::uint32_t>& gone = sorting.slots;
  gone.clear();
  if (any_place) {
    gone.assign(leaving.begin() + static_cast<std::ptrdiff_t>(without_time), leaving.end());
    std::sort(gone.begin(), gone.end());
  }
  // Everything is made; now the state follows.
  if (looked > 0) settle_revisions(looked);
  untimed.erase(untimed.begin(), untimed.begin() + static_cast<std::ptrdiff_t>(without_time));
  if (any_place) {
    pending.remove([&](std::uint32_t slot) { return std::binary_search(gone.begin(), gone.end(), slot); });
  } else {
    pending.take(timed);
  }
  for (std::size_t i = without_time; keeps && i < fresh; ++i) {
    kept.add(leaving[i], next_row_id + static_cast<std::int64_t>(i), found.data() + i * rights.size(), left,
             rights);
  }
  for (std::size_t i = keeps ? without_time : leaving.size(); i-- > 0;) left.release(leaving[i]);
  output.more = most > 0 && static_cast<std::size_t>(n) >= most;
  next_row_id += static_cast<std::int64_t>(fresh);
  revisions += output.revisions;
  for (std::size_t s = 0; s < rights.size(); ++s) {
    const asof::StreamStats& stats = output.streams[s].stats;
    totals[s].rows += stats.rows;
    totals[s].matched += stats.matched;
    totals[s].no_candidate += stats.no_candidate;
    totals[s].tolerance_exceeded += stats.tolerance_exceeded;
    rights[s].count_work(stats.rows);
  }
  evict(config.sweep_each_emit);
  return output;
}

OutputColumn StreamEngine::Impl::age_column(std::size_t s, const std::vector<std::uint32_t>& lefts,
                                            const std::vector<std::uint32_t>& matches) const {
  const StreamShape& shape = config.streams[s];
  OutputColumn column;
  const std::size_t n = lefts.size();
  column.length = static_cast<std::int64_t>(n);
  if (n == 0) return column;
  set_bits(matches, column.validity, column.null_count);
  if (column.null_count == 0) column.validity = Buffer();
  column.values = Buffer(n * 8);
  std::memset(column.values.data(), 0, column.values.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (matches[i] == kNoSlot) continue;
    const std::int64_t t = aligned(s, left.header(lefts[i]).time);
    const std::int64_t r = rights[s].rows().header(matches[i]).time;
    if (shape.kind == Kind::kFloat) {
      column.values.as<double>()[i] = t == r ? 0.0 : asof::from_ordered_bits(t) - asof::from_ordered_bits(r);
      continue;
    }
    std::int64_t apart;
    if (__builtin_sub_overflow(t, r, &apart) || __builtin_mul_overflow(apart, shape.age_scale, &apart)) {
      throw Error(ErrorCode::OVERFLOW,
                  "stream " + std::to_string(s) + ": the age of an emitted row does not fit 64 bits",
                  {{"stream", static_cast<std::int64_t>(s)}, {"row", static_cast<std::int64_t>(i)}});
    }
    column.values.as<std::int64_t>()[i] = apart;
  }
  return column;
}

}  // namespace flowstate::stream

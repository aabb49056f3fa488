#include "right_side.h"

#include <algorithm>

namespace flowstate::stream {

using asof::Direction;

namespace {

constexpr int kAhead = 16;  // keys between a prefetch and its use

}  // namespace

RightSide::RightSide(const StreamShape& shape)
    : rules_(shape),
      plain_(shape.direction == Direction::kBackward && rules_.exact && !rules_.has_lag &&
             !rules_.has_known && !rules_.first_of_ties),
      rows_(shape.payload, shape.has_known_at ? 2 : 1),
      keys_(shape.keys, shape.null_keys_equal) {
  reserve_keys();
}

void RightSide::reserve_keys() {
  const auto limit = static_cast<std::size_t>(keys_.limit());
  if (by_key_.size() >= limit) return;
  if (by_key_.capacity() < limit) by_key_.reserve(std::max(limit, by_key_.capacity() * 2));
  by_key_.resize(limit);
}

void RightSide::insert(const std::uint32_t* slots, std::int64_t count) {
  std::int64_t done = 0;
  try {
    const std::size_t listed = listed_.size() + static_cast<std::size_t>(count);
    if (listed_.capacity() < listed) listed_.reserve(std::max(listed, listed_.capacity() * 2));
    for (; done < count; ++done) {
      if (done + kAhead < count) prefetch(code(slots[done + kAhead]));
      const std::uint32_t slot = slots[done];
      const std::int32_t at = code(slot);
      KeyRows& rows = key(at);
      if (rows.count() == kInlineRows && low_ != kBegin) evict_key(rows, low_, false);
      rows.insert(rows_.header(slot).time, slot, rows_, spare_);
      ++filed_;
      if (!rows.listed && may_evict(rows)) {
        rows.listed = true;
        listed_.push_back(at);
      }
    }
  } catch (...) {
    while (done-- > 0) {
      KeyRows& rows = key(code(slots[done]));
      const std::uint32_t before = rows.count();
      rows.erase(rows_.header(slots[done]).time, slots[done], rows_, spare_);
      filed_ -= before - rows.count();
    }
    throw;
  }
  work_ += count;
}

// The backward choice: among visible rows at or before the bound the last one, or the first one of its time.
Place RightSide::behind(const KeyRows& key, std::int64_t t) const noexcept {
  std::int64_t bound;
  if (!rules_.behind_bound(t, bound)) return {};
  Place place = key.last_upto(bound);
  if (!rules_.has_known) {
    if (place.found() && rules_.first_of_ties) return key.first_from(key.time(place));
    return place;
  }
  while (place.found() && known(key.slot(place)) > t) place = key.previous(place);
  if (!place.found() || !rules_.first_of_ties) return place;
  const std::int64_t r = key.time(place);
  for (Place other = key.previous(place); other.found() && key.time(other) == r;
       other = key.previous(other)) {
    if (known(key.slot(other)) <= t) place = other;
  }
  return place;
}

Place RightSide::ahead(const KeyRows& key, std::int64_t t) const noexcept {
  std::int64_t bound;
  if (!rules_.ahead_bound(t, bound)) return {};
  Place place = key.first_from(bound);
  if (!rules_.has_known) {
    if (place.found() && rules_.last_of_ties) return key.last_upto(key.time(place));
    return place;
  }
  while (place.found() && known(key.slot(place)) > t) place = key.next(place);
  if (!place.found() || !rules_.last_of_ties) return place;
  const std::int64_t r = key.time(place);
  for (Place other = key.next(place); other.found() && key.time(other) == r; other = key.next(other)) {
    if (known(key.slot(other)) <= t) place = other;
  }
  return place;
}

Verdict RightSide::judge(std::int32_t code, std::int64_t t, std::int64_t w, bool ended) const noexcept {
  Verdict verdict;
  Place b;
  Place f;
  const KeyRows* rows = code >= 0 ? &key(code) : nullptr;
  if (rows != nullptr && rows->count() > 0) {
    if (rules_.looks_behind()) b = behind(*rows, t);
    if (rules_.looks_ahead()) f = ahead(*rows, t);
  }
  const std::int64_t b_time = b.found() ? rows->time(b) : 0;
  const std::int64_t f_time = f.found() ? rows->time(f) : 0;
  if (ended) {
    verdict.final = true;
  } else if (!rules_.looks_ahead()) {
    verdict.final = rules_.behind_final(t, w);
  } else if (code < 0) {
    verdict.final = w > t;  // no row to come can match it: it must not hold up the rows behind it
  } else if (w == kBegin) {
    verdict.final = false;
  } else {
    verdict.final = (f.found() && w > f_time) || rules_.past_reach(t, w) ||
                    (b.found() && rules_.past_mirror(t, b_time, w));
  }
  Place pick = b;
  verdict.time = b_time;
  if (f.found() && (!b.found() || rules_.prefers_ahead(t, b_time, f_time))) {
    pick = f;
    verdict.time = f_time;
  }
  if (!pick.found()) return verdict;
  if (rules_.too_far(t, verdict.time)) {
    verdict.why = Why::kTooFar;
    return verdict;
  }
  verdict.why = Why::kMatched;
  verdict.slot = rows->slot(pick);
  return verdict;
}

bool RightSide::beats(std::int64_t t, std::uint32_t slot, std::uint32_t chosen) const noexcept {
  const std::int64_t r = rows_.header(slot).time;
  if (rules_.has_known && known(slot) > t) return false;
  std::int64_t bound;
  const bool is_behind = rules_.looks_behind() && rules_.behind_bound(t, bound) && r <= bound;
  const bool is_ahead = !is_behind && rules_.looks_ahead() && rules_.ahead_bound(t, bound) && r >= bound;
  if ((!is_behind && !is_ahead) || rules_.too_far(t, r)) return false;
  if (chosen == kNoSlot) return true;
  const std::int64_t c = rows_.header(chosen).time;
  const bool chosen_behind = rules_.looks_behind() && rules_.behind_bound(t, bound) && c <= bound;
  if (chosen_behind != is_behind) {
    return is_ahead ? rules_.prefers_ahead(t, c, r) : !rules_.prefers_ahead(t, r, c);
  }
  if (r != c) return is_behind ? r > c : r < c;
  const bool last = is_behind ? !rules_.first_of_ties : rules_.last_of_ties;
  return last ? rows_.before(chosen, slot) : rows_.before(slot, chosen);
}

void RightSide::evict_key(KeyRows& key, std::int64_t low, bool none_left) noexcept {
  const auto drop = [this](std::uint32_t slot) {
    rows_.release(slot);
    --filed_;
  };
  if (none_left) return key.drop_before({}, spare_, drop);
  if (!rules_.looks_behind()) {
    std::int64_t bound;
    return key.drop_before(rules_.ahead_bound(low, bound) ? key.first_from(bound) : Place{}, spare_, drop);
  }
  std::int64_t bound;
  Place newest = rules_.behind_bound(low, bound) ? key.last_upto(bound) : Place{};
  while (rules_.has_known && newest.found() && known(key.slot(newest)) > low) newest = key.previous(newest);
  if (!newest.found()) {
    newest = key.front();  // nothing is visible yet, so all may be
  } else if (rules_.first_of_ties) {
    newest = key.first_from(key.time(newest));
  }
  if (rules_.has_tolerance) {
    // Distances only grow with t, so what is too far from `low` stays so.
    while (newest.found() && key.time(newest) < low && rules_.too_far(low, key.time(newest))) {
      newest = key.next(newest);
    }
  }
  key.drop_before(newest, spare_, drop);
}

void RightSide::evict(std::int64_t low, bool none_left, bool exactly) noexcept {
  if (none_left) {
    // After the end nothing can match: all keys, not only those with more than one row.
    for (std::size_t code = 0; filed_ > 0 && code < by_key_.size(); ++code) {
      by_key_[code].listed = false;
      evict_key(by_key_[code], low, true);
    }
    listed_.clear();
  } else {
    if (low == kBegin || (low == low_ && work_ == 0)) return;
    if (!exactly && static_cast<std::size_t>(work_) + 64 < listed_.size()) return;
    std::size_t stay = 0;
    const std::size_t listed = listed_.size();
    for (std::size_t i = 0; i < listed; ++i) {
      if (i + 2 * kAhead < listed) prefetch(listed_[i + 2 * kAhead]);
      if (i + kAhead < listed) {
        const KeyRows& coming = key(listed_[i + kAhead]);
        if (!coming.empty()) rows_.prefetch(coming.slot(coming.front()));
      }
      const std::int32_t code = listed_[i];
      KeyRows& rows = key(code);
      evict_key(rows, low, false);
      rows.listed = may_evict(rows);
      if (rows.listed) listed_[stay++] = code;
    }
    listed_.resize(stay);
  }
  low_ = std::max(low, low_);
  work_ = 0;
  rows_.compact();
}

std::vector<std::uint32_t> RightSide::all() const {
  std::vector<std::uint32_t> slots;
  slots.reserve(static_cast<std::size_t>(filed_));
  for (const KeyRows& key : by_key_) key.each([&](std::uint32_t slot) { slots.push_back(slot); });
  return slots;
}

void RightSide::forget_keys(const std::vector<std::uint8_t>& used) {
  std::vector<std::uint8_t> alive = used;
  alive.resize(static_cast<std::size_t>(keys_.limit()), 0);
  for (std::size_t code = 0; code < by_key_.size(); ++code) {
    if (!by_key_[code].empty()) alive[code] = 1;
    if (alive[code] == 0) by_key_[code].kept = -1;
  }
  keys_.forget(alive);
}

void RightSide::clear() noexcept {
  for (KeyRows& key : by_key_) {
    key.clear();
    key.listed = false;
    key.kept = -1;
  }
  rows_.clear();
  keys_.clear();
  listed_.clear();
  filed_ = work_ = 0;
  low_ = kBegin;
}

}  // namespace flowstate::stream

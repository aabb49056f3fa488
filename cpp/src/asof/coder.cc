#include "coder.h"

#include <atomic>
#include <mutex>

#include "perfect.h"

namespace flowstate::asof {
namespace {

// Runs fn(keys, states or null, first row, count, task) over a leaf in blocks, on all threads.
template <typename Key, typename Fn>
void for_blocks(const Context& context, const Leaf& leaf, Fn&& fn) {
  const std::vector<Piece> pieces = leaf.pieces();
  context.tasks(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t task, int) {
    const Piece& piece = pieces[static_cast<std::size_t>(task)];
    Key keys[kKeyBlock];
    std::uint8_t states[kKeyBlock];
    for (std::int64_t begin = 0; begin < piece.count; begin += kKeyBlock) {
      const std::int64_t count = std::min(kKeyBlock, piece.count - begin);
      const bool any = read_keys(leaf, piece, begin, count, keys, states);
      fn(keys, any ? states : nullptr, piece.row + begin, count, task);
    }
  });
}

void patch_states(const std::uint8_t* states, std::int64_t count, Codes codes, std::int32_t* out) noexcept {
  for (std::int64_t i = 0; i < count; ++i) {
    if (states[i] == kKeyNull) out[i] = codes.null_code;
    if (states[i] == kKeyDead) out[i] = codes.dead_code;
  }
}

class DirectCoder final : public Coder {
 public:
  DirectCoder(std::uint64_t min, std::uint64_t span, std::int32_t first)
      : min_(min), span_(span), first_(first) {}

  void learn(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) override {
    find(context, leaf, codes, out);
  }
  void find_block(const Leaf& leaf, const Piece& piece, std::int64_t begin, std::int64_t count, Codes codes,
                  std::int32_t* out) const override {
    WordKey keys[kKeyBlock];
    std::uint8_t states[kKeyBlock];
    const bool any = read_keys(leaf, piece, begin, count, keys, states);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint64_t code = keys[i].a - min_;
      out[i] = code < span_ ? static_cast<std::int32_t>(code) + first_ : codes.dead_code;
    }
    if (any) patch_states(states, count, codes, out);
  }
  std::int32_t groups() const override { return first_ + static_cast<std::int32_t>(span_); }
  const char* name() const override { return "direct"; }

 private:
  std::uint64_t min_;
  std::uint64_t span_;
  std::int32_t first_;
};

class RangeCoder final : public Coder {
 public:
  RangeCoder(const Context& context, const std::vector<Leaf>& rights, std::uint64_t min, std::uint64_t span,
             std::int32_t first)
      : min_(min), span_(span), next_(first), table_(static_cast<std::size_t>(span) * 4) {
    std::vector<std::atomic<std::uint8_t>> present(static_cast<std::size_t>(span));
    for (const Leaf& leaf : rights) {
      for_blocks<WordKey>(context, leaf,
                          [&](const WordKey* keys, const std::uint8_t* states, std::int64_t,
                              std::int64_t count, std::int64_t) {
                            for (std::int64_t i = 0; i < count; ++i) {
                              if (states != nullptr && states[i] != kKeyValid) continue;
                              present[static_cast<std::size_t>(keys[i].a - min_)].store(
                                  1, std::memory_order_relaxed);
                            }
                          });
    }
    auto* table = table_.as<std::int32_t>();
    for (std::size_t i = 0; i < present.size(); ++i) {
      table[i] = present[i].load(std::memory_order_relaxed) != 0 ? next_++ : -1;
    }
  }

  void learn(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) override {
    find(context, leaf, codes, out);
  }
  void find_block(const Leaf& leaf, const Piece& piece, std::int64_t begin, std::int64_t count, Codes codes,
                  std::int32_t* out) const override {
    WordKey keys[kKeyBlock];
    std::uint8_t states[kKeyBlock];
    const bool any = read_keys(leaf, piece, begin, count, keys, states);
    const auto* table = table_.as<std::int32_t>();
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint64_t at = keys[i].a - min_;
      const std::int32_t code = at < span_ ? table[at] : -1;
      out[i] = code < 0 ? codes.dead_code : code;
    }
    if (any) patch_states(states, count, codes, out);
  }
  std::int32_t groups() const override { return next_; }
  const char* name() const override { return "range"; }

 private:
  std::uint64_t min_;
  std::uint64_t span_;
  std::int32_t next_;
  Buffer table_;
};

// Up to this many keys a perfect table pays: past it, both tables live in the second-level cache or below and cost
// the same, and building one is a millisecond.
constexpr std::int32_t kPerfectKeys = 1 << 13;

template <typename Key>
class HashCoder final : public Coder {
 public:
  explicit HashCoder(std::int32_t first) : first_(first) {}

  // A sample seeds the table, all threads look rows up, and what they did not find is added by one thread
  // afterwards. With few keys that last step is nearly nothing. Where the sample is mostly distinct values, one
  // thread alone adds rows as they come: it would have to do the work of that last step anyway.
  void learn(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) override {
    const std::vector<Piece> pieces = leaf.pieces();
    const std::int64_t rows = leaf.rows();
    if (rows > 4 * kSample) seed(leaf, pieces, rows);
    const bool many = dictionary_.size() > kPerfectKeys / 2;
    if (rows <= 4 * kSample || (many && context.threads == 1)) {
      insert_all(context, leaf, codes, out);
      return;
    }
    build_perfect(rows);
    std::vector<std::vector<std::int32_t>> misses(pieces.size());
    for_blocks<Key>(
        context, leaf,
        [&](const Key* keys, const std::uint8_t* states, std::int64_t row, std::int64_t count,
            std::int64_t task) {
          std::int32_t* to = out + row;
          look_up(keys, count, -1, to);
          for (std::int64_t i = 0; i < count; ++i) {
            if (to[i] < 0 && (states == nullptr || states[i] == kKeyValid)) {
              misses[static_cast<std::size_t>(task)].push_back(static_cast<std::int32_t>(row + i));
            }
          }
          if (states != nullptr) patch_states(states, count, codes, to);
        });
    for (std::size_t p = 0; p < pieces.size(); ++p) {
      context.check_cancelled();
      for (const std::int32_t row : misses[p]) {
        Key key;
        std::uint8_t state;
        read_keys(leaf, pieces[p], row - pieces[p].row, 1, &key, &state);
        out[row] = first_ + dictionary_.find_or_insert(key);
      }
    }
  }

  void seal(std::int64_t rows) override { build_perfect(rows); }

  void find_block(const Leaf& leaf, const Piece& piece, std::int64_t begin, std::int64_t count, Codes codes,
                  std::int32_t* out) const override {
    Key keys[kKeyBlock];
    std::uint8_t states[kKeyBlock];
    const bool any = read_keys(leaf, piece, begin, count, keys, states);
    look_up(keys, count, codes.dead_code, out);
    if (any) patch_states(states, count, codes, out);
  }
  std::int32_t groups() const override { return first_ + dictionary_.size(); }
  const char* name() const override { return "hash"; }

 private:
  static constexpr std::int64_t kSample = 8192;

  void look_up(const Key* keys, std::int64_t count, std::int32_t missing, std::int32_t* out) const noexcept {
    if (perfect_size_ == dictionary_.size() && !perfect_.empty()) {
      perfect_.find(keys, count, missing, out);
      return;
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int32_t code = dictionary_.find(keys[i]);
      out[i] = code < 0 ? missing : first_ + code;
    }
  }

  // For about `rows` look-ups: a key's place costs as much as some of them.
  void build_perfect(std::int64_t rows) {
    const std::int32_t size = dictionary_.size();
    if (perfect_size_ == size || size > kPerfectKeys || rows < std::int64_t{16} * size) return;
    perfect_.build(dictionary_.entries(), first_);
    perfect_size_ = size;  // where it failed too: it would fail again
  }

  void insert_all(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) {
    const Context alone{context.pool, 1, context.cancel, context.trusting};
    for_blocks<Key>(
        alone, leaf,
        [&](const Key* keys, const std::uint8_t* states, std::int64_t row, std::int64_t count, std::int64_t) {
          for (std::int64_t i = 0; i < count; ++i) {
            if (states != nullptr && states[i] != kKeyValid) continue;
            out[row + i] = first_ + dictionary_.find_or_insert(keys[i]);
          }
          if (states != nullptr) patch_states(states, count, codes, out + row);
        });
  }

  void seed(const Leaf& leaf, const std::vector<Piece>& pieces, std::int64_t rows) {
    for (const Piece& piece : pieces) {
      const std::int64_t step = std::max<std::int64_t>(1, rows / kSample);
      for (std::int64_t i = 0; i < piece.count; i += step) {
        Key key;
        std::uint8_t state = kKeyValid;
        if (read_keys(leaf, piece, i, 1, &key, &state) && state != kKeyValid) continue;
        dictionary_.find_or_insert(key);
      }
    }
  }

  Dictionary<Key> dictionary_;
  PerfectTable<Key> perfect_;
  std::int32_t perfect_size_ = 0;
  std::int32_t first_;
};

// min and max (as signed words) of valid values, given up once the range is past `limit`.
struct Range {
  std::int64_t min = INT64_MAX;
  std::int64_t max = INT64_MIN;
  bool too_wide = false;

  bool empty() const noexcept { return min > max; }
  std::uint64_t span() const noexcept {
    return static_cast<std::uint64_t>(max) - static_cast<std::uint64_t>(min);
  }
};

Range range_of(const Context& context, const std::vector<Leaf>& leaves, std::uint64_t limit) {
  Range total;
  std::mutex mutex;
  std::atomic<bool> stop{false};
  for (const Leaf& leaf : leaves) {
    for_blocks<WordKey>(
        context, leaf,
        [&](const WordKey* keys, const std::uint8_t* states, std::int64_t, std::int64_t count, std::int64_t) {
          if (stop.load(std::memory_order_relaxed)) return;
          Range range;
          for (std::int64_t i = 0; i < count; ++i) {
            if (states != nullptr && states[i] != kKeyValid) continue;
            const auto value = static_cast<std::int64_t>(keys[i].a);
            range.min = std::min(range.min, value);
            range.max = std::max(range.max, value);
          }
          if (range.empty()) return;
          const std::lock_guard<std::mutex> lock(mutex);
          total.min = std::min(total.min, range.min);
          total.max = std::max(total.max, range.max);
          if (total.span() >= limit) stop.store(true, std::memory_order_relaxed);
        });
  }
  total.too_wide = stop.load();
  return total;
}

}  // namespace

void Coder::find(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) const {
  const std::vector<Piece> pieces = leaf.pieces();
  context.tasks(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t task, int) {
    const Piece& piece = pieces[static_cast<std::size_t>(task)];
    for (std::int64_t begin = 0; begin < piece.count; begin += kKeyBlock) {
      const std::int64_t count = std::min(kKeyBlock, piece.count - begin);
      find_block(leaf, piece, begin, count, codes, out + piece.row + begin);
    }
  });
}

std::unique_ptr<Coder> choose_coder(const Context& context, const std::vector<Leaf>& rights,
                                    std::int32_t first) {
  std::int64_t rows = 0;
  std::int64_t longest = 0;
  bool bytes = false;
  bool floats = false;
  for (const Leaf& leaf : rights) {
    rows += leaf.rows();
    if (leaf.column == nullptr) continue;
    const ColumnType type = leaf.column->type;
    floats |= type == ColumnType::kFloat16 || type == ColumnType::kFloat32 || type == ColumnType::kFloat64;
    if (is_bytes(type)) {
      bytes = true;
      longest = std::max(longest, longest_value(context, *leaf.column, kPairBytes, leaf.unchecked));
    }
  }
  if (bytes) {
    if (longest <= kWordBytes) return std::make_unique<HashCoder<WordKey>>(first);
    if (longest <= kPairBytes) return std::make_unique<HashCoder<PairKey>>(first);
    return std::make_unique<HashCoder<BytesKey>>(first);
  }
  if (floats) return std::make_unique<HashCoder<WordKey>>(first);
  // A code per value of the range costs the last-seen tables' memory, a table only its own.
  const auto direct_limit = static_cast<std::uint64_t>(std::max<std::int64_t>(4096, rows / 4));
  const auto table_limit = static_cast<std::uint64_t>(std::clamp<std::int64_t>(rows * 8, 65536, 1 << 26));
  const Range range = range_of(context, rights, table_limit);
  if (range.empty()) return std::make_unique<DirectCoder>(0, 0, first);
  if (range.too_wide) return std::make_unique<HashCoder<WordKey>>(first);
  const std::uint64_t span = range.span() + 1;
  const auto min = static_cast<std::uint64_t>(range.min);
  if (span <= direct_limit) return std::make_unique<DirectCoder>(min, span, first);
  return std::make_unique<RangeCoder>(context, rights, min, span, first);
}

}  // namespace flowstate::asof

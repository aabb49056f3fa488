// One column at a time: choose a coder from the right sides' values, learn them, look the left up; then fold columns
// together pairwise through the same coders. Three coders:
//   direct  code = value - min        integers whose range is small against the number of rows
//   range   code = table[value - min] integers whose range still fits a table
//   hash    everything else
#include "keys.h"

#include <atomic>
#include <memory>
#include <mutex>

#include "key_reader.h"

namespace flowstate::asof {
namespace {

struct Codes {
  std::int32_t null_code;
  std::int32_t dead_code;
};

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
  if (states == nullptr) return;
  for (std::int64_t i = 0; i < count; ++i) {
    if (states[i] == kKeyNull) out[i] = codes.null_code;
    if (states[i] == kKeyDead) out[i] = codes.dead_code;
  }
}

class Coder {
 public:
  virtual ~Coder() = default;
  // Codes of a right leaf, adding values not seen before.
  virtual void learn(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) = 0;
  // Codes of a left leaf; unknown values are dead.
  virtual void find(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) = 0;
  virtual std::int32_t groups() const = 0;
  virtual const char* name() const = 0;
};

class DirectCoder final : public Coder {
 public:
  DirectCoder(std::uint64_t min, std::uint64_t span, std::int32_t first)
      : min_(min), span_(span), first_(first) {}

  void learn(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) override {
    find(context, leaf, codes, out);
  }
  void find(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) override {
    for_blocks<WordKey>(context, leaf,
                        [&](const WordKey* keys, const std::uint8_t* states, std::int64_t row,
                            std::int64_t count, std::int64_t) {
                          for (std::int64_t i = 0; i < count; ++i) {
                            const std::uint64_t code = keys[i].a - min_;
                            out[row + i] =
                                code < span_ ? static_cast<std::int32_t>(code) + first_ : codes.dead_code;
                          }
                          patch_states(states, count, codes, out + row);
                        });
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
  void find(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) override {
    const auto* table = table_.as<std::int32_t>();
    for_blocks<WordKey>(context, leaf,
                        [&](const WordKey* keys, const std::uint8_t* states, std::int64_t row,
                            std::int64_t count, std::int64_t) {
                          for (std::int64_t i = 0; i < count; ++i) {
                            const std::uint64_t at = keys[i].a - min_;
                            const std::int32_t code = at < span_ ? table[at] : -1;
                            out[row + i] = code < 0 ? codes.dead_code : code;
                          }
                          patch_states(states, count, codes, out + row);
                        });
  }
  std::int32_t groups() const override { return next_; }
  const char* name() const override { return "range"; }

 private:
  std::uint64_t min_;
  std::uint64_t span_;
  std::int32_t next_;
  Buffer table_;
};

template <typename Key>
class HashCoder final : public Coder {
 public:
  explicit HashCoder(std::int32_t first) : first_(first) {}

  // With several threads: a sample seeds the table, all threads look rows up, and what they did not find is added
  // by one thread afterwards. With few keys that last step is nearly nothing.
  void learn(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) override {
    const std::vector<Piece> pieces = leaf.pieces();
    if (context.threads == 1 || pieces.size() < 2) {
      const Context alone{context.pool, 1, context.cancel};
      for_blocks<Key>(alone, leaf,
                      [&](const Key* keys, const std::uint8_t* states, std::int64_t row, std::int64_t count,
                          std::int64_t) {
                        for (std::int64_t i = 0; i < count; ++i) {
                          if (states != nullptr && states[i] != kKeyValid) continue;
                          out[row + i] = first_ + dictionary_.find_or_insert(keys[i]);
                        }
                        patch_states(states, count, codes, out + row);
                      });
      return;
    }
    seed(leaf, pieces);
    std::vector<std::vector<std::int32_t>> misses(pieces.size());
    for_blocks<Key>(
        context, leaf,
        [&](const Key* keys, const std::uint8_t* states, std::int64_t row, std::int64_t count,
            std::int64_t task) {
          for (std::int64_t i = 0; i < count; ++i) {
            const std::int32_t code = dictionary_.find(keys[i]);
            out[row + i] = first_ + code;
            if (code < 0 && (states == nullptr || states[i] == kKeyValid)) {
              misses[static_cast<std::size_t>(task)].push_back(static_cast<std::int32_t>(row + i));
            }
          }
          patch_states(states, count, codes, out + row);
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

  void find(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) override {
    for_blocks<Key>(
        context, leaf,
        [&](const Key* keys, const std::uint8_t* states, std::int64_t row, std::int64_t count, std::int64_t) {
          for (std::int64_t i = 0; i < count; ++i) {
            const std::int32_t code = dictionary_.find(keys[i]);
            out[row + i] = code < 0 ? codes.dead_code : first_ + code;
          }
          patch_states(states, count, codes, out + row);
        });
  }
  std::int32_t groups() const override { return first_ + dictionary_.size(); }
  const char* name() const override { return "hash"; }

 private:
  void seed(const Leaf& leaf, const std::vector<Piece>& pieces) {
    constexpr std::int64_t kSample = 8192;
    const std::int64_t per_piece =
        std::max<std::int64_t>(1, kSample / static_cast<std::int64_t>(pieces.size()));
    for (const Piece& piece : pieces) {
      const std::int64_t step = std::max<std::int64_t>(1, piece.count / per_piece);
      for (std::int64_t i = 0; i < piece.count; i += step) {
        Key key;
        std::uint8_t state = kKeyValid;
        if (read_keys(leaf, piece, i, 1, &key, &state) && state != kKeyValid) continue;
        dictionary_.find_or_insert(key);
      }
    }
  }

  Dictionary<Key> dictionary_;
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
      longest = std::max(longest, longest_value(context, *leaf.column, kPairBytes));
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

template <typename Index>
void remap_rows(const Context& context, const Column& column,
                const std::vector<std::vector<std::int32_t>>& maps, std::int32_t null_code,
                std::int32_t* out) {
  const std::vector<Piece> pieces = pieces_of(column);
  context.tasks(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t task, int) {
    const Piece& piece = pieces[static_cast<std::size_t>(task)];
    const Chunk& chunk = *piece.chunk;
    const auto* indices = reinterpret_cast<const Index*>(chunk.values) + piece.begin;
    std::int32_t* to = out + piece.row;
    if (chunk.dictionary < 0) {
      std::fill(to, to + piece.count,
                null_code);  // no dictionary: the safety check saw that every row is null
      return;
    }
    const std::int32_t* map = maps[static_cast<std::size_t>(chunk.dictionary)].data();
    if (chunk.validity == nullptr) {
      for (std::int64_t i = 0; i < piece.count; ++i) to[i] = map[static_cast<std::size_t>(indices[i])];
    } else {
      const std::int64_t bit = chunk.bit_offset + piece.begin;
      for (std::int64_t i = 0; i < piece.count; ++i) {
        to[i] = bit_at(chunk.validity, bit + i) ? map[static_cast<std::size_t>(indices[i])] : null_code;
      }
    }
  });
}

void remap(const Context& context, const Column& column, const std::vector<std::vector<std::int32_t>>& maps,
           std::int32_t null_code, std::int32_t* out) {
  switch (column.index_type) {
    case ColumnType::kInt8:
      return remap_rows<std::int8_t>(context, column, maps, null_code, out);
    case ColumnType::kInt16:
      return remap_rows<std::int16_t>(context, column, maps, null_code, out);
    case ColumnType::kInt32:
      return remap_rows<std::int32_t>(context, column, maps, null_code, out);
    case ColumnType::kInt64:
      return remap_rows<std::int64_t>(context, column, maps, null_code, out);
    case ColumnType::kUInt8:
      return remap_rows<std::uint8_t>(context, column, maps, null_code, out);
    case ColumnType::kUInt16:
      return remap_rows<std::uint16_t>(context, column, maps, null_code, out);
    case ColumnType::kUInt32:
      return remap_rows<std::uint32_t>(context, column, maps, null_code, out);
    default:
      return remap_rows<std::uint64_t>(context, column, maps, null_code, out);
  }
}

// Key values of a column: itself, or its dictionaries.
std::vector<Leaf> leaves_of(const KeyColumn& key, bool scaled) {
  std::vector<Leaf> leaves;
  const auto add = [&](const Column& column) {
    Leaf leaf;
    leaf.column = &column;
    leaf.scale = scaled ? key.scale : 1;
    leaf.unsigned_foreign = scaled && key.unsigned_foreign;
    leaves.push_back(leaf);
  };
  if (key.column.type != ColumnType::kDictionary) {
    add(key.column);
  } else {
    for (const Column& dictionary : key.column.dictionaries) add(dictionary);
  }
  return leaves;
}

void code_column(const Context& context, Coder& coder, const KeyColumn& key, const std::vector<Leaf>& leaves,
                 bool learn, Codes codes, std::int32_t* out) {
  const auto run = [&](const Leaf& leaf, std::int32_t* to) {
    learn ? coder.learn(context, leaf, codes, to) : coder.find(context, leaf, codes, to);
  };
  if (key.column.type != ColumnType::kDictionary) return run(leaves[0], out);
  std::vector<std::vector<std::int32_t>> maps(leaves.size());
  for (std::size_t d = 0; d < leaves.size(); ++d) {
    maps[d].resize(static_cast<std::size_t>(leaves[d].rows()) + 1);
    run(leaves[d], maps[d].data());
  }
  remap(context, key.column, maps, codes.null_code, out);
}

void check_families(const std::vector<Leaf>& left, const std::vector<Leaf>& rights) {
  for (const Leaf& l : left) {
    for (const Leaf& r : rights) {
      if (is_bytes(l.column->type) != is_bytes(r.column->type)) {
        throw Error(ErrorCode::SCHEMA,
                    l.column->name + " and " + r.column->name + " cannot be compared as keys");
      }
    }
  }
}

}  // namespace

KeyCodes encode_keys(const Context& context, const std::vector<KeyColumn>& left, std::int64_t left_rows,
                     const std::vector<const std::vector<KeyColumn>*>& rights,
                     const std::vector<std::int64_t>& right_rows, bool null_keys_equal) {
  const std::size_t streams = rights.size();
  const std::int32_t first = null_keys_equal ? kFirstKey + 1 : kFirstKey;
  const Codes left_codes{null_keys_equal ? kFirstKey : kDeadLeft, kDeadLeft};
  const Codes right_codes{null_keys_equal ? kFirstKey : kDeadRight, kDeadRight};
  KeyCodes result;
  for (std::size_t c = 0; c < left.size(); ++c) {
    KeyCodes column;
    const std::vector<Leaf> left_leaves = leaves_of(left[c], true);
    std::vector<Leaf> right_leaves;
    for (const auto* keys : rights) {
      for (const Leaf& leaf : leaves_of((*keys)[c], true)) right_leaves.push_back(leaf);
    }
    check_families(left_leaves, right_leaves);
    const std::unique_ptr<Coder> coder = choose_coder(context, right_leaves, first);
    for (std::size_t s = 0; s < streams; ++s) {
      const KeyColumn& key = (*rights[s])[c];
      column.right.push_back(code_buffer(right_rows[s]));
      code_column(context, *coder, key, leaves_of(key, true), true, right_codes,
                  column.right[s].as<std::int32_t>());
    }
    column.left = code_buffer(left_rows);
    if (left_rows > 0) {
      code_column(context, *coder, left[c], left_leaves, false, left_codes, column.left.as<std::int32_t>());
    }
    column.groups = coder->groups();
    column.how = coder->name();
    if (c == 0) {
      result = std::move(column);
      continue;
    }
    // Fold this column into the codes so far.
    const auto pair = [&](const Buffer& a, const Buffer& b, std::int64_t rows) {
      Leaf leaf;
      leaf.codes_a = a.as<std::int32_t>();
      leaf.codes_b = b.as<std::int32_t>();
      leaf.radix = column.groups;
      leaf.pair_rows = rows;
      return leaf;
    };
    std::vector<Leaf> pairs;
    for (std::size_t s = 0; s < streams; ++s)
      pairs.push_back(pair(result.right[s], column.right[s], right_rows[s]));
    const std::unique_ptr<Coder> folder = choose_coder(context, pairs, kFirstKey);
    KeyCodes folded;
    for (std::size_t s = 0; s < streams; ++s) {
      folded.right.push_back(code_buffer(right_rows[s]));
      folder->learn(context, pairs[s], {kDeadRight, kDeadRight}, folded.right[s].as<std::int32_t>());
    }
    folded.left = code_buffer(left_rows);
    folder->find(context, pair(result.left, column.left, left_rows), {kDeadLeft, kDeadLeft},
                 folded.left.as<std::int32_t>());
    folded.groups = folder->groups();
    folded.how = folder->name();
    result = std::move(folded);
  }
  return result;
}

KeyCodes encode_side(const Context& context, const std::vector<KeyColumn>& keys, std::int64_t rows,
                     bool null_keys_equal) {
  // As the right side of a join without left rows; borrowed columns make the copy cheap.
  std::vector<KeyColumn> plain = keys;
  for (KeyColumn& key : plain) {
    key.scale = 1;
    key.unsigned_foreign = false;
  }
  return encode_keys(context, plain, 0, {&plain}, {rows}, null_keys_equal);
}

}  // namespace flowstate::asof

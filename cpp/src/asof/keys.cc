// One column at a time: choose a coder from the right sides' values, learn them, look the left up; then fold columns
// together pairwise through the same coders. With one column the left is looked up later, block by block.
#include "keys.h"

#include "column_check.h"

namespace flowstate::asof {
namespace {

// Codes of a right column by row; its own row checks are made here where they are still to be made.
void learn_column(const Context& context, Coder& coder, const KeyColumn& key, Codes codes,
                  std::int32_t* out) {
  const std::vector<Leaf> leaves = leaves_of(key, true, context.trusting);
  if (key.column.type != ColumnType::kDictionary) {
    coder.learn(context, leaves[0], codes, out);
    return;
  }
  std::vector<std::vector<std::int32_t>> maps(leaves.size());
  for (std::size_t d = 0; d < leaves.size(); ++d) {
    maps[d].resize(static_cast<std::size_t>(leaves[d].rows()) + 1);
    coder.learn(context, leaves[d], codes, maps[d].data());
  }
  const std::vector<Piece> pieces = pieces_of(key.column);
  context.tasks(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t task, int) {
    const Piece& piece = pieces[static_cast<std::size_t>(task)];
    for (std::int64_t begin = 0; begin < piece.count; begin += kKeyBlock) {
      const std::int64_t count = std::min(kKeyBlock, piece.count - begin);
      if (context.trusting) {
        check_chunk_rows(key.column, *piece.chunk, piece.row - piece.begin, piece.begin + begin,
                         piece.begin + begin + count);
      }
      remap_block(key.column, maps, piece, begin, count, codes.null_code, out + piece.row + begin);
    }
  });
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
  const bool unchecked = context.trusting;
  const std::int32_t first = null_keys_equal ? kFirstKey + 1 : kFirstKey;
  const Codes left_codes{null_keys_equal ? kFirstKey : kDeadLeft, kDeadLeft};
  const Codes right_codes{null_keys_equal ? kFirstKey : kDeadRight, kDeadRight};
  KeyCodes result;
  for (std::size_t c = 0; c < left.size(); ++c) {
    KeyCodes column;
    const std::vector<Leaf> left_leaves = leaves_of(left[c], true, false);
    std::vector<Leaf> right_leaves;
    for (const auto* keys : rights) {
      for (const Leaf& leaf : leaves_of((*keys)[c], true, unchecked)) right_leaves.push_back(leaf);
    }
    check_families(left_leaves, right_leaves);
    const std::shared_ptr<Coder> coder = choose_coder(context, right_leaves, first);
    for (std::size_t s = 0; s < streams; ++s) {
      const KeyColumn& key = (*rights[s])[c];
      column.right.push_back(code_buffer(right_rows[s]));
      learn_column(context, *coder, key, right_codes, column.right[s].as<std::int32_t>());
    }
    coder->seal(left_rows);
    column.left =
        left_rows > 0 ? LeftCodes(context, coder, left[c], left_codes, unchecked) : LeftCodes(code_buffer(0));
    column.groups = coder->groups();
    column.how = coder->name();
    if (c == 0) {
      result = std::move(column);
      continue;
    }
    // Fold this column into the codes so far.
    const auto pair = [&](const std::int32_t* a, const std::int32_t* b, std::int64_t rows) {
      Leaf leaf;
      leaf.codes_a = a;
      leaf.codes_b = b;
      leaf.radix = column.groups;
      leaf.pair_rows = rows;
      return leaf;
    };
    std::vector<Leaf> pairs;
    for (std::size_t s = 0; s < streams; ++s)
      pairs.push_back(
          pair(result.right[s].as<std::int32_t>(), column.right[s].as<std::int32_t>(), right_rows[s]));
    const std::unique_ptr<Coder> folder = choose_coder(context, pairs, kFirstKey);
    KeyCodes folded;
    for (std::size_t s = 0; s < streams; ++s) {
      folded.right.push_back(code_buffer(right_rows[s]));
      folder->learn(context, pairs[s], {kDeadRight, kDeadRight}, folded.right[s].as<std::int32_t>());
    }
    folder->seal(left_rows);
    Buffer left_folded = code_buffer(left_rows);
    folder->find(context, pair(result.left.all(context), column.left.all(context), left_rows),
                 {kDeadLeft, kDeadLeft}, left_folded.as<std::int32_t>());
    folded.left = LeftCodes(std::move(left_folded));
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

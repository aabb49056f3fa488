// Coders: from one column's key values to codes. The right sides' values define the codes, so a coder is chosen by
// looking at them and learns them; the left is then looked up, all at once or block by block.
//   direct  code = value - min        integers whose range is small against the number of rows
//   range   code = table[value - min] integers whose range still fits a table
//   hash    everything else
#pragma once

#include <memory>
#include <vector>

#include "key_reader.h"

namespace flowstate::asof {

// What rows without a value get: nulls (a key of their own where null is one), and values that can match nothing.
struct Codes {
  std::int32_t null_code;
  std::int32_t dead_code;
};

class Coder {
 public:
  virtual ~Coder() = default;
  // Codes of a right leaf, adding values not seen before.
  virtual void learn(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) = 0;
  // Everything is learnt; about `rows` look-ups follow.
  virtual void seal(std::int64_t) {}
  // Codes of `count` (at most kKeyBlock) rows from `begin` of a piece; unknown values are dead. Any thread.
  virtual void find_block(const Leaf& leaf, const Piece& piece, std::int64_t begin, std::int64_t count,
                          Codes codes, std::int32_t* out) const = 0;
  virtual std::int32_t groups() const = 0;
  virtual const char* name() const = 0;

  // Codes of a whole leaf, by row.
  void find(const Context& context, const Leaf& leaf, Codes codes, std::int32_t* out) const;
};

// For these right leaves; codes begin at `first`. May read them once to measure.
std::unique_ptr<Coder> choose_coder(const Context& context, const std::vector<Leaf>& rights,
                                    std::int32_t first);

}  // namespace flowstate::asof

// Columns of tables in device memory as a join takes them: times, and keys as dense codes. What they mean is what
// asof/join.h says of the same names; nothing here goes through the host but counts and the rows that errors name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flowstate/device/join_work.h"
#include "flowstate/functors/cells.h"
#include "flowstate/functors/key_codes.h"

namespace flowstate::device {

// Borrowed; at most 2^31 - 2 rows.
struct TimeInput {
  functors::Cells cells;
  std::uint32_t rows = 0;
  std::int64_t scale = 1;
  std::string name;  // as errors should say it: "left.timestamp"
  std::string unit;  // of the aligned value
};

// A dictionary column is its indices with either the values that they stand for, or, where these are text, a number per
// value that both sides share.
struct KeyInput {
  functors::Cells cells;
  std::uint32_t rows = 0;
  std::int64_t scale = 1;
  bool unsigned_foreign = false;
  bool is_dictionary = false;
  functors::Cells entries;
  std::uint32_t entry_count = 0;
  bool by_number = false;
  // By entry: from 0 below `known` where the right side has it, below `numbers` where only this side does, -1 for null.
  std::vector<std::int32_t> number;
  std::int32_t known = 0;
  std::int32_t numbers = 0;
  std::string name;
};

// Times as int64 in the order of time, and which rows have none.
struct TimeColumn {
  const std::int64_t* t = nullptr;
  const std::uint8_t* dead = nullptr;  // null: none is
  std::uint32_t rows = 0;
  Array<std::int64_t> t_owned;
  Array<std::uint8_t> dead_owned;
};

// True where rows of it may have no time: nulls, or floats, which may be NaN.
bool may_lack_times(const TimeInput& input, functors::TimeDomain domain) noexcept;

// A column that is what is wanted is borrowed. Throws OVERFLOW with the first row that does not fit.
TimeColumn read_times(JoinWork& work, const TimeInput& input, functors::TimeDomain domain);

// Codes from functors::kFirstLiveCode. Learnt from one side's rows, and looked up for any number of other sides. A
// coder takes 8 bytes per distinct value and column.
class KeyCoder {
 public:
  // code[i], device memory, for the rows that are learnt from. Null keys are `null_code` under `nulls_equal`, else dead,
  // as are values that no row of the other side can equal. Throws CORRUPT for an index outside its dictionary.
  // `own`: numbers that only this side has are values too, which is for the demand that a left side ascends.
  KeyCoder(JoinWork& work, const std::vector<KeyInput>& keys, std::uint32_t rows, bool nulls_equal, bool own,
           std::int32_t dead_code, std::int32_t* code);

  // The same for rows of another side; values that were not learnt are dead.
  void find(JoinWork& work, const std::vector<KeyInput>& keys, std::uint32_t rows, std::int32_t dead_code,
            std::int32_t* code) const;

  // All codes are below.
  std::int32_t groups() const noexcept { return groups_; }
  std::size_t bytes() const noexcept;
  // Its memory may be freed at once from now on: the stream's work is done.
  void settle() noexcept;

 private:
  // The distinct words of one column, or of pairs of codes; none: codes come from numbers.
  struct Stage {
    Array<std::int64_t> distinct;
    std::uint32_t count = 0;
  };
  using Words = std::pair<Array<std::int64_t>, Array<functors::KeyState>>;

  void learn(JoinWork& work, const Words& words, std::uint32_t rows, functors::KeyCodes codes,
             std::int32_t* code);
  template <typename OnWords, typename OnNumbers>
  void walk(JoinWork& work, const std::vector<KeyInput>& keys, std::uint32_t rows, std::int32_t dead_code,
            std::int32_t* code, const OnWords& on_words, const OnNumbers& on_numbers) const;

  std::vector<Stage> stages_;
  std::int32_t groups_ = functors::kFirstLiveCode;
  bool nulls_equal_ = false;
};

}  // namespace flowstate::device

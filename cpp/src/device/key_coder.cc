#include <utility>

#include "device/first_row.h"
#include "flowstate/device/join_columns.h"

namespace flowstate::device {

namespace {

using functors::KeyCodes;
using functors::KeyState;
using Words = std::pair<Array<std::int64_t>, Array<KeyState>>;

Words new_words(JoinWork& work, std::size_t rows) {
  return {work.array<std::int64_t>(rows), work.array<KeyState>(rows)};
}

// Words that a value of this column is cut into.
int parts_of(const KeyInput& key) noexcept {
  const functors::Cells& cells = key.is_dictionary ? key.entries : key.cells;
  return cells.type == ColumnType::kFixed && cells.width > 8 ? (cells.width + 7) / 8 : 1;
}

[[noreturn]] void outside_dictionary(const KeyInput& key, std::uint64_t row) {
  throw Error(ErrorCode::CORRUPT,
              key.name + ": the index of row " + std::to_string(row) + " lies outside its dictionary",
              {{"row", static_cast<std::int64_t>(row)}});
}

Words words_of(JoinWork& work, const KeyInput& key, std::uint32_t rows, int part) {
  Words words = new_words(work, rows);
  const functors::Scale scale = functors::Scale::of(key.scale);
  if (!key.is_dictionary) {
    work.stream().for_each(rows, functors::KeyWordElement{key.cells, scale, key.unsigned_foreign, part,
                                                          words.first.data(), words.second.data()});
    return words;
  }
  const Words entries = new_words(work, key.entry_count);
  work.stream().for_each(key.entry_count,
                         functors::KeyWordElement{key.entries, scale, key.unsigned_foreign, part,
                                                  entries.first.data(), entries.second.data()});
  const FirstRow outside(work);
  work.stream().for_each(rows, functors::EntryWordElement{key.cells, key.entry_count, entries.first.data(),
                                                          entries.second.data(), words.first.data(),
                                                          words.second.data(), outside.cell()});
  if (const auto row = outside.read(work)) outside_dictionary(key, *row);
  return words;
}

void codes_by_number(JoinWork& work, const KeyInput& key, std::uint32_t rows, std::int32_t known,
                     KeyCodes codes, std::int32_t* code) {
  const Array<std::int32_t> number = work.array<std::int32_t>(key.number.size());
  work.stream().copy_to_device(number.data(), key.number.data(), number.bytes());
  const FirstRow outside(work);
  work.stream().for_each(
      rows, functors::EntryCodeElement{key.cells, static_cast<std::int64_t>(key.number.size()), number.data(),
                                       known, codes, code, outside.cell()});
  if (const auto row = outside.read(work)) outside_dictionary(key, *row);
}

}  // namespace

void KeyCoder::learn(JoinWork& work, const Words& words, std::uint32_t rows, KeyCodes codes,
                     std::int32_t* code) {
  Stage& stage = stages_.emplace_back();
  if (rows > 0) {
    const auto sorted = work.array<std::int64_t>(rows);
    const auto row = work.array<std::uint32_t>(rows);
    {
      const auto place = work.array<std::uint32_t>(rows);
      work.stream().for_each(rows, functors::IotaElement{place.data()});
      work.stream().sort_pairs({words.first.data(), sorted.data(), place.data(), row.data(), rows, 8, 64});
    }
    const auto flag = work.array<std::int64_t>(rows);
    const auto before = work.array<std::int64_t>(rows);
    work.stream().for_each(rows, functors::FirstOfEqualElement{sorted.data(), flag.data()});
    work.stream().exclusive_sum(before.data(), flag.data(), rows);
    stage.count = static_cast<std::uint32_t>(work.read(before.data() + (rows - 1)) +
                                             work.read(flag.data() + (rows - 1)));
    stage.distinct = work.array<std::int64_t>(stage.count);
    work.stream().for_each(rows,
                           functors::RankElement{sorted.data(), flag.data(), before.data(), row.data(),
                                                 words.second.data(), codes, stage.distinct.data(), code});
    work.end_phase("learn keys", std::size_t{rows} * (8 * 24 + 60));
  }
  groups_ = codes.first + static_cast<std::int32_t>(stage.count);
}

// Columns, and parts of columns, one after another: the first gives codes, every further one is folded into them.
template <typename OnWords, typename OnNumbers>
void KeyCoder::walk(JoinWork& work, const std::vector<KeyInput>& keys, std::uint32_t rows,
                    std::int32_t dead_code, std::int32_t* code, const OnWords& on_words,
                    const OnNumbers& on_numbers) const {
  const KeyCodes column{functors::kFirstLiveCode + (nulls_equal_ ? 1 : 0),
                        nulls_equal_ ? functors::kFirstLiveCode : dead_code, dead_code};
  const KeyCodes pair{functors::kFirstLiveCode, dead_code, dead_code};
  bool is_first = true;
  for (const KeyInput& key : keys) {
    if (key.scale < 1) throw Error(ErrorCode::ARG_RANGE, key.name + ": a scale must be 1 or more");
    for (int part = 0, parts = key.by_number ? 1 : parts_of(key); part < parts; ++part) {
      const auto next = is_first ? Array<std::int32_t>() : work.array<std::int32_t>(rows);
      std::int32_t* const out = is_first ? code : next.data();
      if (key.by_number) {
        on_numbers(key, column, out);
      } else {
        on_words(words_of(work, key, rows, part), column, out);
      }
      if (!is_first) {
        const Words pairs = new_words(work, rows);
        work.stream().for_each(rows,
                               functors::PairWordElement{code, out, pairs.first.data(), pairs.second.data()});
        on_words(pairs, pair, code);
      }
      is_first = false;
    }
  }
}

KeyCoder::KeyCoder(JoinWork& work, const std::vector<KeyInput>& keys, std::uint32_t rows, bool nulls_equal,
                   bool own, std::int32_t dead_code, std::int32_t* code)
    : nulls_equal_(nulls_equal) {
  walk(
      work, keys, rows, dead_code, code,
      [&](const Words& words, KeyCodes codes, std::int32_t* out) { learn(work, words, rows, codes, out); },
      [&](const KeyInput& key, KeyCodes codes, std::int32_t* out) {
        const std::int32_t known = own ? key.numbers : key.known;
        codes_by_number(work, key, rows, known, codes, out);
        stages_.push_back({});
        groups_ = codes.first + known;
      });
}

void KeyCoder::find(JoinWork& work, const std::vector<KeyInput>& keys, std::uint32_t rows,
                    std::int32_t dead_code, std::int32_t* code) const {
  std::size_t at = 0;
  walk(
      work, keys, rows, dead_code, code,
      [&](const Words& words, KeyCodes codes, std::int32_t* out) {
        const Stage& stage = stages_.at(at++);
        work.stream().for_each(
            rows, functors::FindCodeElement{words.first.data(), words.second.data(), stage.distinct.data(),
                                            stage.count, codes, out});
        work.end_phase("look keys up", std::size_t{rows} * 21);
      },
      [&](const KeyInput& key, KeyCodes codes, std::int32_t* out) {
        ++at;
        codes_by_number(work, key, rows, key.known, codes, out);
        work.end_phase("look keys up", std::size_t{rows} * 8);
      });
}

std::size_t KeyCoder::bytes() const noexcept {
  std::size_t bytes = 0;
  for (const Stage& stage : stages_) bytes += stage.distinct.bytes();
  return bytes;
}

void KeyCoder::settle() noexcept {
  for (Stage& stage : stages_) stage.distinct.settle();
}

}  // namespace flowstate::device

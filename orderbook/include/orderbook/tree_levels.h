// Levels in ordered maps: O(log n) everything, no window. For prices without locality, for stops, and as the simplest
// container the concept allows.
#pragma once

#include <map>
#include <memory>
#include <memory_resource>
#include <string>
#include <vector>

#include "orderbook/level.h"

namespace orderbook {

class TreeLevels {
 public:
  TreeLevels(const BookOptions&, std::size_t ladders)
      : nodes_(std::make_unique<std::pmr::unsynchronized_pool_resource>()) {
    ladders_.reserve(ladders);
    for (std::size_t i = 0; i < ladders; ++i) ladders_.emplace_back(nodes_.get());
  }

  [[nodiscard]] LevelId find(LadderIndex ladder, LevelKey key) const noexcept { return peek(ladder, key); }
  [[nodiscard]] LevelId peek(LadderIndex ladder, LevelKey key) const noexcept {
    const auto found = ladders_[ladder].find(key);
    return found == ladders_[ladder].end() ? 0 : found->second;
  }
  void insert(LadderIndex ladder, LevelKey key, LevelId id) { ladders_[ladder].emplace(key, id); }
  void erase(LadderIndex ladder, LevelKey key) noexcept { ladders_[ladder].erase(key); }
  [[nodiscard]] LevelId best(LadderIndex ladder) const noexcept {
    return ladders_[ladder].empty() ? 0 : ladders_[ladder].rbegin()->second;
  }
  [[nodiscard]] LevelKey best_key(LadderIndex ladder) const noexcept {
    return ladders_[ladder].rbegin()->first;
  }
  [[nodiscard]] LevelId next_worse(LadderIndex ladder, LevelKey key) const noexcept {
    auto at = ladders_[ladder].lower_bound(key);
    return at == ladders_[ladder].begin() ? 0 : (--at)->second;
  }
  template <class F>
  void walk(LadderIndex ladder, F&& visit) const {
    for (auto at = ladders_[ladder].rbegin(); at != ladders_[ladder].rend() && visit(at->second); ++at)
      continue;
  }
  [[nodiscard]] std::size_t size(LadderIndex ladder) const noexcept { return ladders_[ladder].size(); }
  [[nodiscard]] std::string check(LadderIndex) const { return {}; }
  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t levels = 0;
    for (const auto& ladder : ladders_) levels += ladder.size();
    return levels * 48;  // a red-black node and its value, about
  }

 private:
  // On the heap: the maps point at it, and the container may move.
  std::unique_ptr<std::pmr::unsynchronized_pool_resource> nodes_;
  std::vector<std::pmr::map<LevelKey, LevelId>> ladders_;
};

static_assert(LevelContainer<TreeLevels>);

}  // namespace orderbook

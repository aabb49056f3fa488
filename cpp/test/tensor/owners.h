// Owners that count how often they were given back.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "flowstate/tensor/alias_table.h"

namespace flowstate::tensor::test {

struct Count {
  std::atomic<int> returned{0};
  std::atomic<int> returned_at_once{0};
};

class CountingOwner final : public AliasOwner {
 public:
  // `wait`: what has to happen first; its memory cannot be given back at once then.
  explicit CountingOwner(Count& count, std::function<void()> wait = nullptr)
      : count_(count), wait_(std::move(wait)) {}
  ~CountingOwner() override {
    if (is_returned_) return;
    if (wait_) wait_();
    ++count_.returned;
  }
  bool try_return() noexcept override {
    if (wait_) return false;
    is_returned_ = true;
    ++count_.returned;
    ++count_.returned_at_once;
    return true;
  }

 private:
  Count& count_;
  std::function<void()> wait_;
  bool is_returned_ = false;
};

// 64 floats that TensorFlow may share.
struct alignas(256) Block {
  float values[64] = {};
};

inline Alias alias_of(Block& block, std::unique_ptr<AliasOwner> owner, bool on_gpu = false) {
  Alias alias;
  alias.data = block.values;
  alias.bytes = sizeof(block.values);
  alias.type = 1;
  alias.on_gpu = on_gpu;
  alias.shape = {8, 8};
  alias.owner = std::move(owner);
  return alias;
}

}  // namespace flowstate::tensor::test

// Where one thread sleeps until another has news for it, without a lost wake-up and without a system call when nobody
// sleeps.
//
// The problem is Dekker's: the sleeper says "I sleep" and looks for news once more, the waker leaves news and looks
// for sleepers; each must see the other's store. That asks for a full fence on both sides, and a fence on every push
// costs more than the push. So on Linux the sleeper, who is about to make a system call anyway, pays for both: after
// `membarrier(PRIVATE_EXPEDITED)` every thread of the process has passed a full fence, and the waker needs only to
// keep its own order in the compiler. Where the kernel has no membarrier, and under ThreadSanitizer, both sides use
// sequentially consistent operations.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#else
#include <condition_variable>
#include <mutex>
#endif

namespace flowstate::stream::detail {

// Two lines: processors of today fetch them in pairs.
inline constexpr std::size_t kLine = 128;

inline void cpu_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

#if defined(__SANITIZE_THREAD__)
#define FS_PARK_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FS_PARK_TSAN 1
#endif
#endif

#if defined(__linux__) && defined(SYS_membarrier) && !defined(FS_PARK_TSAN)
inline bool register_membarrier() noexcept {
  constexpr int kRegisterPrivateExpedited = 1 << 4;
  return syscall(SYS_membarrier, kRegisterPrivateExpedited, 0, 0) == 0;
}
// True: the sleeper's barrier serves both sides. The same for the whole life of the process.
inline const bool kSleeperPays = register_membarrier();
inline void sleeper_fence() noexcept {
  constexpr int kPrivateExpedited = 1 << 3;
  if (kSleeperPays) syscall(SYS_membarrier, kPrivateExpedited, 0, 0);
}
#else
inline constexpr bool kSleeperPays = false;
inline void sleeper_fence() noexcept {}
#endif

// Stores `value` where others read it, and keeps a later `ParkSpot::wake` after it in the order that matters.
template <typename T>
inline void publish(std::atomic<T>& where, T value) noexcept {
  if (kSleeperPays) {
    where.store(value, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    where.store(value, std::memory_order_seq_cst);
  }
}

// One sleeper at a time; any number of wakers.
class ParkSpot {
 public:
  using Clock = std::chrono::steady_clock;

  // Wakes the sleeper, if there is one. Call after the news was stored with publish() or a seq_cst operation.
  void wake() noexcept {
    const auto order = kSleeperPays ? std::memory_order_relaxed : std::memory_order_seq_cst;
    if (asleep_.load(order) != 0) [[unlikely]]
      wake_sleeper();
  }

  // Sleeps until wake(), until `deadline`, or for no reason at all: callers look for themselves in a loop.
  // `is_ready` must read what wakers publish with seq_cst loads; it is asked once more after "I sleep" was said.
  template <typename IsReady>
  void sleep(IsReady&& is_ready, const std::optional<Clock::time_point>& deadline) noexcept {
    asleep_.store(1, std::memory_order_seq_cst);
    sleeper_fence();
    if (!is_ready()) block(deadline);
    asleep_.store(0, std::memory_order_relaxed);
  }

 private:
  void wake_sleeper() noexcept {
#if defined(__linux__)
    if (asleep_.exchange(0, std::memory_order_seq_cst) != 0) {
      syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&asleep_), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr,
              0);
    }
#else
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      asleep_.store(0, std::memory_order_seq_cst);
    }
    condition_.notify_one();
#endif
  }

  void block(const std::optional<Clock::time_point>& deadline) noexcept {
#if defined(__linux__)
    timespec time{};
    timespec* limit = nullptr;
    if (deadline) {
      // steady_clock is CLOCK_MONOTONIC, and so is FUTEX_WAIT_BITSET's absolute time.
      const auto since = deadline->time_since_epoch();
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
      time.tv_sec = static_cast<time_t>(seconds.count());
      time.tv_nsec = static_cast<long>(std::chrono::nanoseconds(since - seconds).count());
      limit = &time;
    }
    // Returns at once when a waker has taken the 1 away in between: no wake-up falls into this gap.
    syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&asleep_), FUTEX_WAIT_BITSET_PRIVATE, 1, limit,
            nullptr, FUTEX_BITSET_MATCH_ANY);
#else
    std::unique_lock<std::mutex> lock(mutex_);
    const auto woken = [this] { return asleep_.load(std::memory_order_relaxed) == 0; };
    if (deadline) {
      condition_.wait_until(lock, *deadline, woken);
    } else {
      condition_.wait(lock, woken);
    }
#endif
  }

  std::atomic<std::uint32_t> asleep_{0};
  static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
#if !defined(__linux__)
  std::mutex mutex_;
  std::condition_variable condition_;
#endif
};

// About a microsecond of looking before a sleep: news that comes at once is then cheap, and a thread that waits for
// long takes no time from others. On one processor looking can only delay the news.
template <typename IsReady>
inline bool spin_briefly(IsReady&& is_ready) noexcept {
  static const int rounds = std::thread::hardware_concurrency() > 1 ? 48 : 0;
  for (int i = 0; i < rounds; ++i) {
    if (is_ready()) return true;
    if (i >= 16) cpu_pause();
  }
  return false;
}

}  // namespace flowstate::stream::detail

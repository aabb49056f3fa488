// The buffer allocator: alignment, reuse, limits, failure.
#include <catch2/catch.hpp>
#include <cstring>
#include <thread>
#include <vector>

#include "flowstate/error.h"
#include "flowstate/memory/buffer.h"

namespace flowstate {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// Other tests' buffers are gone, so the cache can be emptied and counted from there.
struct EmptyCache {
  EmptyCache() { trim_buffer_cache(); }
  ~EmptyCache() {
    set_buffer_cache_limit(256 * kMiB);
    trim_buffer_cache();
  }
};

}  // namespace

TEST_CASE("a buffer of every size is 64-byte aligned and writable to its end") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{65}, 128 * 1024 - 1ul,
                                 128 * 1024ul, 3 * kMiB, 4 * kMiB - 1, 4 * kMiB, 4 * kMiB + 1, 9 * kMiB}) {
    Buffer buffer(size);
    REQUIRE(buffer.size() == size);
    REQUIRE(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64 == 0);
    std::memset(buffer.data(), 0xA5, size);
    REQUIRE(buffer.data()[size - 1] == 0xA5);
  }
}

TEST_CASE("an empty buffer holds nothing") {
  const Buffer buffer(0);
  CHECK(buffer.empty());
  CHECK(buffer.data() == nullptr);
}

TEST_CASE("moving a buffer moves its memory and leaves the source empty") {
  Buffer a(100);
  const std::uint8_t* data = a.data();
  Buffer b(std::move(a));
  CHECK(b.data() == data);
  CHECK(a.empty());
  Buffer c(5 * kMiB);
  c = std::move(b);
  CHECK(c.data() == data);
  CHECK(c.size() == 100);
  CHECK(b.data() == nullptr);
}

TEST_CASE("shrinking changes the visible size only") {
  Buffer buffer(1000);
  const std::uint8_t* data = buffer.data();
  buffer.shrink(10);
  CHECK(buffer.size() == 10);
  CHECK(buffer.data() == data);
}

TEST_CASE("a freed large block is handed out again") {
  const EmptyCache empty;
  const std::size_t hits = buffer_cache_stats().hits;
  const std::uint8_t* first;
  {
    Buffer buffer(8 * kMiB);
    first = buffer.data();
  }
  CHECK(buffer_cache_stats().cached_bytes == 8 * kMiB);
  Buffer again(8 * kMiB - 5);
  CHECK(again.data() == first);
  CHECK(buffer_cache_stats().hits == hits + 1);
  CHECK(buffer_cache_stats().cached_bytes == 0);
}

TEST_CASE("a small request does not take a block much larger than itself") {
  const EmptyCache empty;
  { Buffer buffer(64 * kMiB); }
  const Buffer small(8 * kMiB);
  CHECK(buffer_cache_stats().cached_bytes == 64 * kMiB);
}

TEST_CASE("the cache never holds more than its limit, and drops the oldest first") {
  const EmptyCache empty;
  set_buffer_cache_limit(20 * kMiB);
  const std::uint8_t* newest;
  {
    Buffer a(8 * kMiB);
    Buffer b(10 * kMiB);
    Buffer c(6 * kMiB);
    newest = a.data();  // destroyed last: locals go in reverse
  }
  CHECK(buffer_cache_stats().cached_bytes <= 20 * kMiB);
  const Buffer again(8 * kMiB);
  CHECK(again.data() == newest);
}

TEST_CASE("a limit of 0 keeps nothing") {
  const EmptyCache empty;
  { Buffer buffer(8 * kMiB); }
  set_buffer_cache_limit(0);
  CHECK(buffer_cache_stats().cached_bytes == 0);
  { Buffer buffer(8 * kMiB); }
  CHECK(buffer_cache_stats().cached_bytes == 0);
}

TEST_CASE("live bytes return to where they were") {
  const std::size_t before = buffer_cache_stats().live_bytes;
  {
    const Buffer a(100);
    const Buffer b(5 * kMiB);
    CHECK(buffer_cache_stats().live_bytes >= before + 100 + 5 * kMiB);
  }
  CHECK(buffer_cache_stats().live_bytes == before);
}

TEST_CASE("a size that no machine has is OUT_OF_MEMORY") {
  for (const std::size_t size : {SIZE_MAX, SIZE_MAX / 2, std::size_t{1} << 50}) {
    try {
      const Buffer buffer(size);
      FAIL("no error for " << size);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::OUT_OF_MEMORY);
    }
  }
}

TEST_CASE("threads may allocate and free at once") {
  const EmptyCache empty;
  const std::size_t live = buffer_cache_stats().live_bytes;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 200; ++i) {
        Buffer buffer((static_cast<std::size_t>(i * 7 + t) % 12 + 1) * 512 * 1024);
        buffer.data()[0] = buffer.data()[buffer.size() - 1] = static_cast<std::uint8_t>(t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(buffer_cache_stats().live_bytes == live);
}

}  // namespace flowstate

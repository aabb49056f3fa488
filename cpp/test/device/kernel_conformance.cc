// The kernels' part of the rules of device.h.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "device/conformance.h"
#include "device/device_array.h"

namespace flowstate::device::conformance {

namespace {

// Many rows of the few `keys`, sorted, against the standard library's stable sort.
template <typename Key>
void check_sort(Device& device, Stream& stream, const std::vector<Key>& keys, int bits) {
  for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{1000}, std::size_t{40'001}}) {
    std::vector<Key> rows(count);
    std::vector<std::uint32_t> index(count);
    for (std::size_t i = 0; i < count; ++i) rows[i] = keys[(i * 7919 + i / 3) % keys.size()];
    std::iota(index.begin(), index.end(), 0u);
    const DeviceArray<Key> keys_in(device, stream, rows);
    const DeviceArray<Key> keys_out(device, count);
    const DeviceArray<std::uint32_t> values_in(device, stream, index);
    const DeviceArray<std::uint32_t> values_out(device, count);
    stream.sort_pairs({keys_in.data, keys_out.data, values_in.data, values_out.data, count,
                       static_cast<int>(sizeof(Key)), bits});
    std::stable_sort(index.begin(), index.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return rows[a] < rows[b]; });
    REQUIRE(values_out.read(stream) == index);
    const std::vector<Key> sorted = keys_out.read(stream);
    for (std::size_t i = 0; i < count; ++i) REQUIRE(sorted[i] == rows[index[i]]);
  }
}

}  // namespace

void check_kernels(const Subject& subject) {
  const auto device = subject.open();
  const auto stream = device->create_stream();

  SECTION("for_each visits every element; tiles and sums of nothing are no work") {
    constexpr std::size_t kCount = 10'000;
    const DeviceArray<std::uint32_t> out(*device, kCount);
    stream->for_each(kCount, functors::IotaElement{out.data});
    stream->for_each(0, functors::IotaElement{nullptr});
    stream->run_tiles(0, functors::AsofProbeTile{});
    stream->exclusive_sum(nullptr, nullptr, 0);
    stream->sort_pairs({});
    const auto got = out.read(*stream);
    for (std::uint32_t i = 0; i < kCount; ++i) REQUIRE(got[i] == i);
  }
  SECTION("sort_pairs is stable, at both widths of its keys") {
    check_sort<std::int32_t>(*device, *stream, {0, 1, 2, 3, 2047, 2048, 1 << 20, (1 << 20) - 1}, 21);
    check_sort<std::int32_t>(*device, *stream, {0, INT32_MAX, INT32_MAX - 1, 5, 1 << 30}, 31);
    check_sort<std::int32_t>(*device, *stream, {7}, 3);
    check_sort<std::int64_t>(*device, *stream,
                             {INT64_MIN, INT64_MAX, -1, 0, 1, INT64_MIN + 1, std::int64_t{1} << 40}, 64);
    check_sort<std::int64_t>(*device, *stream, {std::int64_t{3} << 33, 0}, 64);
  }
  SECTION("exclusive_sum counts what came before") {
    std::vector<std::int64_t> values(3000);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int64_t>(i * i % 97) - 40;
    const DeviceArray<std::int64_t> in(*device, *stream, values);
    const DeviceArray<std::int64_t> out(*device, values.size());
    stream->exclusive_sum(out.data, in.data, values.size());
    const auto got = out.read(*stream);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      REQUIRE(got[i] == sum);
      sum += values[i];
    }
  }
}

}  // namespace flowstate::device::conformance

// Histograms and Bloom filters over memory that JavaScript owns: no handles, nothing to close. Lengths and numbers are
// checked again here, because the core reads where they point.
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "binding/addon_data.h"
#include "binding/guard.h"
#include "binding/marshal.h"
#include "flowstate/sketch/bloom_filter.h"
#include "flowstate/sketch/hdr_histogram.h"

namespace flowstate::binding {

namespace {

using sketch::HdrHistogram;
using sketch::HistogramLayout;
namespace bloom = sketch::bloom;

void need(const Napi::CallbackInfo& info, std::size_t count) {
  if (info.Length() < count) throw Error(ErrorCode::ARG_TYPE, "native sketch: too few arguments");
}

int int_of(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsNumber()) throw Error(ErrorCode::ARG_TYPE, "native sketch: expected a number");
  return info[index].As<Napi::Number>().Int32Value();
}

// The memory of a typed array as whole, aligned values.
template <typename T>
std::span<T> values_of(const Napi::CallbackInfo& info, std::size_t index, const char* what) {
  const Bytes bytes = bytes_of(info[index], what);
  if (bytes.size % sizeof(T) != 0 || reinterpret_cast<std::uintptr_t>(bytes.data) % alignof(T) != 0) {
    throw Error(ErrorCode::LENGTH, std::string("native sketch: ") + what + " must be whole, aligned values");
  }
  // JavaScript handed it out to be written.
  return {reinterpret_cast<T*>(const_cast<std::uint8_t*>(bytes.data)), bytes.size / sizeof(T)};
}

Napi::Value bytes_to_js(Napi::Env env, const void* data, std::size_t size) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, size);
  if (size != 0) std::memcpy(buffer.Data(), data, size);
  return buffer;
}

HdrHistogram histogram_of(const Napi::CallbackInfo& info) {
  return HdrHistogram::from_words(int_of(info, 0), values_of<std::uint64_t>(info, 1, "words"));
}

// histogramRecord(precision, words, values): void
Napi::Value histogram_record(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    need(info, 3);
    const HistogramLayout layout(int_of(info, 0));
    const auto words = values_of<std::uint64_t>(info, 1, "words");
    const auto values = values_of<std::uint64_t>(info, 2, "values");
    if (words.size() != HdrHistogram::kCounts + layout.buckets()) {
      throw Error(ErrorCode::LENGTH,
                  "native sketch: the words are not those of a histogram of that precision");
    }
    for (const std::uint64_t value : values) HdrHistogram::record_into(layout, words.data(), value);
    return info.Env().Undefined();
  });
}

// histogramPercentiles(precision, words, percentiles): ArrayBuffer of u64
Napi::Value histogram_percentiles(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    need(info, 3);
    const auto results = histogram_of(info).percentiles(values_of<double>(info, 2, "percentiles"));
    return bytes_to_js(info.Env(), results.data(), results.size() * sizeof(std::uint64_t));
  });
}

// histogramSerialise(precision, words): ArrayBuffer
Napi::Value histogram_serialise(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    need(info, 2);
    const auto bytes = histogram_of(info).serialise();
    return bytes_to_js(info.Env(), bytes.data(), bytes.size());
  });
}

// histogramDeserialise(bytes): { precision, words }
Napi::Value histogram_deserialise(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    need(info, 1);
    const Bytes bytes = bytes_of(info[0], "bytes");
    const HdrHistogram histogram = HdrHistogram::deserialise({bytes.data, bytes.size});
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("precision", histogram.layout().precision());
    result.Set("words", bytes_to_js(info.Env(), histogram.words().data(), histogram.words().size_bytes()));
    return result;
  });
}

struct Filter {
  std::uint8_t* blocks;
  std::size_t count;
};

Filter filter_of(const Napi::CallbackInfo& info) {
  const auto bytes = values_of<std::uint8_t>(info, 0, "blocks");
  return {bytes.data(), bloom::require_blocks(bytes.size())};
}

// Calls visit(span of 4-byte or of 8-byte values).
template <typename Visit>
void with_values(const Napi::CallbackInfo& info, Visit&& visit) {
  const int width = int_of(info, 1);
  if (width == 4) {
    visit(std::span<const std::uint32_t>(values_of<std::uint32_t>(info, 2, "values")));
  } else if (width == 8) {
    visit(std::span<const std::uint64_t>(values_of<std::uint64_t>(info, 2, "values")));
  } else {
    throw Error(ErrorCode::ARG_RANGE, "native sketch: values must have 4 or 8 bytes");
  }
}

// bloomAdd(blocks, width, values): void
Napi::Value bloom_add(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    need(info, 3);
    const Filter filter = filter_of(info);
    with_values(info, [&](auto values) { bloom::add_all(filter.blocks, filter.count, values); });
    return info.Env().Undefined();
  });
}

// bloomContains(blocks, width, values): ArrayBuffer of u8
Napi::Value bloom_contains(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    need(info, 3);
    const Filter filter = filter_of(info);
    Napi::ArrayBuffer found;
    with_values(info, [&](auto values) {
      found = Napi::ArrayBuffer::New(info.Env(), values.size());
      bloom::contains_all(filter.blocks, filter.count, values, static_cast<std::uint8_t*>(found.Data()));
    });
    return found;
  });
}

// Hashes of the slices of `data` that the offsets say; checked before anything is hashed.
std::vector<std::uint64_t> hashes_of(const Napi::CallbackInfo& info) {
  const Bytes data = bytes_of(info[1], "data");
  const auto offsets = values_of<std::int32_t>(info, 2, "offsets");
  if (offsets.empty())
    throw Error(ErrorCode::LENGTH, "native sketch: offsets must have one more than values");
  std::int32_t before = 0;
  for (const std::int32_t offset : offsets) {
    if (offset < before || static_cast<std::size_t>(offset) > data.size) {
      throw Error(ErrorCode::LENGTH, "native sketch: offsets must ascend within the data");
    }
    before = offset;
  }
  std::vector<std::uint64_t> hashes(offsets.size() - 1);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    hashes[i] =
        sketch::xxh64({data.data + offsets[i], static_cast<std::size_t>(offsets[i + 1] - offsets[i])});
  }
  return hashes;
}

// bloomAddBytes(blocks, data, offsets): void
Napi::Value bloom_add_bytes(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    need(info, 3);
    const Filter filter = filter_of(info);
    for (const std::uint64_t hash : hashes_of(info)) bloom::add(filter.blocks, filter.count, hash);
    return info.Env().Undefined();
  });
}

// bloomContainsBytes(blocks, data, offsets): ArrayBuffer of u8
Napi::Value bloom_contains_bytes(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    need(info, 3);
    const Filter filter = filter_of(info);
    const auto hashes = hashes_of(info);
    Napi::ArrayBuffer found = Napi::ArrayBuffer::New(info.Env(), hashes.size());
    auto* const out = static_cast<std::uint8_t*>(found.Data());
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      out[i] = bloom::contains(filter.blocks, filter.count, hashes[i]);
    }
    return found;
  });
}

}  // namespace

void register_sketch(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("histogramRecord", histogram_record);
  add("histogramPercentiles", histogram_percentiles);
  add("histogramSerialise", histogram_serialise);
  add("histogramDeserialise", histogram_deserialise);
  add("bloomAdd", bloom_add);
  add("bloomContains", bloom_contains);
  add("bloomAddBytes", bloom_add_bytes);
  add("bloomContainsBytes", bloom_contains_bytes);
}

}  // namespace flowstate::binding

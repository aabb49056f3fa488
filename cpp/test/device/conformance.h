// The rules of device.h, asserted on any device. The host device and the cuda device run the same text, so that what is
// written above the interface may rely on either. Catch2; one call is one TEST_CASE's body.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "flowstate/device/device.h"
#include "flowstate/device/faults.h"

namespace flowstate::device::conformance {

// How a device under test is opened and made to fail.
struct Subject {
  std::function<std::shared_ptr<Device>()>
      open;  // a fresh one, nothing armed, nothing of the one before alive
  std::function<void(Call call, std::uint64_t nth, std::uint64_t times)> arm;
  std::function<void()> disarm;
  // What is taken and not given back, over all devices: blocks, pinned memory, streams, events.
  std::function<std::size_t()> live;
};

void check_memory(const Subject& subject);
void check_copies(const Subject& subject);
void check_kernels(const Subject& subject);
void check_order(const Subject& subject);
void check_errors(const Subject& subject);
void check_lost(const Subject& subject);
// A script of every kind of call, with each of them failing in turn.
void check_faults_everywhere(const Subject& subject);
void check_files(const Subject& subject);

// The code that `function` throws; fails the test where it throws nothing.
template <class Function>
ErrorCode code_of(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("expected an error");
  return ErrorCode::INTERNAL;
}

}  // namespace flowstate::device::conformance

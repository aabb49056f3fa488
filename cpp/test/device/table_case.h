// A random request of the CPU's join (support/random_request.h) as a join of tables in device memory: columns put end
// to end and uploaded, text keys as numbers, results downloaded.
#pragma once

#include <memory>
#include <vector>

#include "flowstate/device/table_join.h"
#include "support/random_request.h"

namespace flowstate::device::conformance {

class TableCase {
 public:
  TableCase(const test::RandomCase& random, std::shared_ptr<DevicePool> pool, std::shared_ptr<Stream> stream);

  const TableJoin& join() const noexcept { return join_; }
  TableJoin& join() noexcept { return join_; }
  // What the join gave, as the CPU's gives it; `work` is on the stream of the case.
  asof::JoinResult download(JoinWork& work, TableJoinResult result) const;

 private:
  struct Flat {
    std::vector<std::uint8_t> values, offsets, validity;
    std::int64_t rows = 0;
  };
  static Flat flatten(const Column& column);
  const void* upload(const std::vector<std::uint8_t>& bytes);
  functors::Cells cells(const Column& column, std::int64_t* values_bytes = nullptr);
  TimeInput time(const asof::TimeColumn& column);
  TakeInput take(const Column& column);
  std::pair<KeyInput, KeyInput> keys(const asof::KeyColumn& left, const asof::KeyColumn& right);
  KeyInput key(const asof::KeyColumn& column);

  std::shared_ptr<DevicePool> pool_;
  std::shared_ptr<Stream> stream_;
  std::vector<DeviceBuffer> buffers_;
  TableJoin join_;
};

}  // namespace flowstate::device::conformance

// How a call's ranges become tasks: cut at page borders, small neighbours of one file together.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "device/plain_file.h"
#include "flowstate/device/direct_reader.h"

namespace flowstate::device {

// The reader's counters, shared by its threads.
class ReaderCounters {
 public:
  void add(const std::string& path, std::uint64_t ranges, std::uint64_t bytes);
  void add_fallback(const std::string& reason);
  void add_short(std::uint64_t short_reads, std::uint64_t retries, std::uint64_t interrupted);
  ReaderStats stats() const;

 private:
  mutable std::mutex mutex_;
  ReaderStats stats_;
};

// One file of one job, opened by the first task that needs it.
class SourceFile {
 public:
  explicit SourceFile(std::string path) : path_(std::move(path)) {}
  const std::string& path() const noexcept { return path_; }

  // The direct path, or null where the mode or the system does not give one. Throws IO, GDS_UNAVAILABLE and the
  // device's errors.
  DirectFile* direct(Device& device, ReadMode mode, ReaderCounters& counters);
  // Gives the direct path up for this file: it failed where POSIX may not.
  void give_up_direct(const std::string& reason, ReaderCounters& counters);
  const PlainFile& plain();

 private:
  std::string path_;
  std::mutex mutex_;
  bool tried_ = false;
  bool given_up_ = false;
  std::unique_ptr<DirectFile> direct_;  // kept when given up: other threads may be reading through it
  std::optional<PlainFile> plain_;
};

struct ReadPiece {
  std::uint64_t offset = 0;
  std::size_t bytes = 0;
  std::uint8_t* target = nullptr;
  bool begins_range = false;
};

struct ReadTask {
  SourceFile* file = nullptr;
  std::vector<ReadPiece> pieces;
};

struct ReadPlan {
  std::vector<std::unique_ptr<SourceFile>> files;
  std::vector<ReadTask> tasks;
};

// Throws ARG_RANGE for ranges that no file can have, or without a target.
ReadPlan plan_reads(std::span<const ReadRange> ranges, std::size_t task_bytes);

}  // namespace flowstate::device

#include "device/read_worker.h"

#include <algorithm>
#include <string>

#include "device/settle.h"

namespace flowstate::device {

namespace {

[[noreturn]] void throw_short(const ReadTask& task, const ReadPiece& piece, std::size_t got) {
  throw Error(ErrorCode::CORRUPT,
              task.file->path() + ": expected " + std::to_string(piece.bytes) + " bytes at offset " +
                  std::to_string(piece.offset) + ", got " + std::to_string(got) + ": the file ends there",
              {{"offset", static_cast<std::int64_t>(piece.offset)},
               {"expected", static_cast<std::int64_t>(piece.bytes)},
               {"got", static_cast<std::int64_t>(got)}});
}

std::pair<std::uint64_t, std::uint64_t> ranges_and_bytes(const ReadTask& task) {
  std::uint64_t ranges = 0;
  std::uint64_t bytes = 0;
  for (const ReadPiece& piece : task.pieces) {
    ranges += piece.begins_range ? 1 : 0;
    bytes += piece.bytes;
  }
  return {ranges, bytes};
}

}  // namespace

ReadWorker::~ReadWorker() {
  drop_stream();
  for (const Chunk& chunk : chunks_) device_.free_pinned(chunk.block);
}

void ReadWorker::drop_stream() noexcept {
  if (stream_ == nullptr) return;
  settle(*stream_);
  stream_.reset();
}

bool ReadWorker::run(const ReadTask& task, const std::atomic<bool>& stop) {
  if (DirectFile* direct = task.file->direct(device_, options_.mode, counters_)) {
    try {
      read_direct(*direct, task);
      const auto [ranges, bytes] = ranges_and_bytes(task);
      counters_.add(direct->path_taken(), ranges, bytes);
      return true;
    } catch (const Error& error) {
      // What fails directly (a file system's quirk, a limit of cuFile) may go through the page cache; a disk that is
      // broken fails there as well.
      if (options_.mode == ReadMode::kDirect || error.code() != ErrorCode::IO) throw;
      task.file->give_up_direct(error.what(), counters_);
    }
  }
  return read_plain(task, stop);
}

void ReadWorker::read_direct(DirectFile& file, const ReadTask& task) {
  if (task.pieces.size() == 1) {
    const ReadPiece& piece = task.pieces.front();
    return read_rest(file, task, piece, file.read(piece.target, 0, piece.offset, piece.bytes));
  }
  std::vector<DirectFile::Piece> batch;
  batch.reserve(task.pieces.size());
  for (const ReadPiece& piece : task.pieces) batch.push_back({piece.target, 0, piece.offset, piece.bytes, 0});
  file.read_batch(batch);
  for (std::size_t i = 0; i < batch.size(); ++i) read_rest(file, task, task.pieces[i], batch[i].done);
}

// A short answer is the end of the file only when the next one is empty.
void ReadWorker::read_rest(DirectFile& file, const ReadTask& task, const ReadPiece& piece, std::size_t done) {
  while (done < piece.bytes) {
    counters_.add_short(1, 1, 0);
    const std::size_t more = file.read(piece.target, done, piece.offset + done, piece.bytes - done);
    if (more == 0) throw_short(task, piece, done);
    done += more;
  }
}

void ReadWorker::prepare() {
  while (chunks_.size() < static_cast<std::size_t>(options_.chunks)) {
    Chunk chunk;
    chunk.copied = device_.create_event();
    chunk.block = device_.allocate_pinned(options_.chunk_bytes);
    try {
      chunks_.push_back(std::move(chunk));
    } catch (...) {
      device_.free_pinned(chunk.block);
      throw;
    }
  }
  if (stream_ == nullptr) stream_ = device_.create_stream();
}

bool ReadWorker::read_plain(const ReadTask& task, const std::atomic<bool>& stop) {
  (void)task.file->plain();  // an error of the file's before one of the device's
  prepare();
  bool whole = false;
  try {
    whole = copy_pieces(task, stop);
    stream_->synchronize();
  } catch (...) {
    // The copies still read the chunks. A broken stream stays broken: the next task gets another, and other events,
    // for those recorded in it keep its error.
    drop_stream();
    for (Chunk& chunk : chunks_) device_.free_pinned(chunk.block);
    chunks_.clear();
    throw;
  }
  if (whole) {
    const auto [ranges, bytes] = ranges_and_bytes(task);
    counters_.add("POSIX", ranges, bytes);
  }
  return whole;
}

bool ReadWorker::copy_pieces(const ReadTask& task, const std::atomic<bool>& stop) {
  const PlainFile& file = task.file->plain();
  Chunk* chunk = nullptr;
  std::size_t used = 0;  // small pieces share a chunk
  std::size_t next = 0;
  for (const ReadPiece& piece : task.pieces) {
    for (std::size_t done = 0; done < piece.bytes;) {
      if (stop.load(std::memory_order_relaxed)) return false;
      if (chunk == nullptr || used == options_.chunk_bytes) {
        if (chunk != nullptr) stream_->record(*chunk->copied);
        chunk = &chunks_[next];
        next = (next + 1) % chunks_.size();
        chunk->copied->synchronize();  // never recorded: complete
        used = 0;
      }
      const std::size_t bytes = std::min(options_.chunk_bytes - used, piece.bytes - done);
      std::uint8_t* room = static_cast<std::uint8_t*>(chunk->block.data) + used;
      fill(file, task, piece, done, room, bytes);
      stream_->copy_to_device(piece.target + done, room, bytes);
      used += bytes;
      done += bytes;
    }
  }
  return true;
}

void ReadWorker::fill(const PlainFile& file, const ReadTask& task, const ReadPiece& piece, std::size_t done,
                      void* chunk, std::size_t bytes) {
  std::uint64_t interrupted = 0;
  std::uint64_t short_reads = 0;
  std::size_t got = 0;
  while (got < bytes) {
    const std::size_t more = file.read(static_cast<std::uint8_t*>(chunk) + got, piece.offset + done + got,
                                       bytes - got, interrupted);
    if (more < bytes - got) ++short_reads;
    if (more == 0) break;
    got += more;
  }
  if (short_reads + interrupted > 0) {
    counters_.add_short(short_reads, got < bytes ? short_reads - 1 : short_reads, interrupted);
  }
  if (got < bytes) throw_short(task, piece, done + got);
}

}  // namespace flowstate::device

// Control of the simulated libcufile.so.0 (sim_cufile.cc). The library is loaded by name, as the real one; so are these.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
// What the driver's properties will say, and how many requests a batch takes.
void fs_sim_cufile_configure(unsigned nvfs_major, unsigned features, unsigned max_batch);
// As sim::arm(): the value that the call returns. For cuFileRead and cuFileReadAsync's result -1 sets EIO, -2 EINTR;
// positive numbers under 5000 cap the bytes read.
void fs_sim_cufile_arm(const char* call, std::uint64_t nth, std::uint64_t times, std::int64_t value);
void fs_sim_cufile_disarm();
std::size_t fs_sim_cufile_handles();
std::size_t fs_sim_cufile_batches();
std::uint64_t fs_sim_cufile_calls(const char* call);
}

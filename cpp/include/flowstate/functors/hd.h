// FS_HD marks functions that decide or compute something: compiled for the host and for the device from the same
// text, so that the tests on a CPU speak for the kernels.
#pragma once

#if defined(__CUDACC__)
#define FS_HD __host__ __device__
#else
#define FS_HD
#endif

// Files read past the page cache (O_DIRECT) into the host device's memory.
//
// O_DIRECT wants offset, size and address in whole blocks. A read whose target is congruent to its offset modulo a page
// goes straight to the target but for its first and last page; any other goes through an aligned bounce buffer.
#pragma once

#include <memory>
#include <string>

#include "device/host_state.h"
#include "flowstate/device/device.h"

namespace flowstate::device {

// Null with the reason where the file system has no direct reads. Throws IO when the file cannot be opened.
std::unique_ptr<DirectFile> open_host_file(std::shared_ptr<HostState> state, const std::string& path,
                                           std::string& reason);

}  // namespace flowstate::device

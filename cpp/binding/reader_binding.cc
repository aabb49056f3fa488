#include "binding/addon_data.h"
namespace flowstate::binding {
void register_reader(Napi::Env, Napi::Object) {}
}  // namespace flowstate::binding

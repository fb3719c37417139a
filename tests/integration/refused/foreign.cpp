// A library that says it was built for another engine. Calling anything but the tag would end the process.
#include <cstdlib>

extern "C" {
__attribute__((visibility("default"))) const char* freshet_abi_tag() { return "freshet-9.9.9 g++-99"; }
__attribute__((visibility("default"))) const void* freshet_registered_jobs() { std::abort(); }
}

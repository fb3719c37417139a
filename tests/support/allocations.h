#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

/// Counts this thread's calls of operator new, and the bytes they asked for. Include in ONE file of a test program. Under
/// the sanitizers, which have allocators of their own to check, nothing is counted.
namespace freshet::test {

struct Allocations {
  std::uint64_t calls = 0;
  std::uint64_t bytes = 0;
};
inline thread_local Allocations allocations;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kCountsAllocations = false;
#else
inline constexpr bool kCountsAllocations = true;
#endif

}  // namespace freshet::test

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Not inlined, or g++ sees free() meet a `new` and warns.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++freshet::test::allocations.calls;
  freshet::test::allocations.bytes += bytes;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

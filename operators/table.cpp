#include <freshet/table.h>

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace freshet::detail {

namespace {

constexpr std::size_t kLargePage = std::size_t{2} << 20;
constexpr std::size_t kLine = 64;

}  // namespace

void* allocate_table(std::size_t bytes) {
  const std::size_t alignment = bytes >= kLargePage ? kLargePage : kLine;
  void* const memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  // Advice: without large pages the table is slower, not wrong.
  if (bytes >= kLargePage) static_cast<void>(madvise(memory, bytes, MADV_HUGEPAGE));
  return memory;
}

void free_table(void* memory, std::size_t) { std::free(memory); }

}  // namespace freshet::detail

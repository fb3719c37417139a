// Sends records through the record path and ends: instructions.py counts what it takes.
//
//   record_path_cost numbers|texts|undone|handed_over RECORDS

#include <cstring>

#include "tests/runtime/worker/record_path.h"

namespace freshet::worker::testing_support {
namespace {

template <class T>
int run(std::uint32_t workers, ErrorPolicyKind policy, std::uint64_t records) {
  Path<T> path(workers, {.kind = policy});
  path.run_until_folded(records);
  std::printf("%llu\n", static_cast<unsigned long long>(folded));
  return 0;
}

int run(const char* what, std::uint64_t records) {
  if (std::strcmp(what, "numbers") == 0) return run<Order>(2, ErrorPolicyKind::fail, records);
  if (std::strcmp(what, "texts") == 0) return run<NamedOrder>(2, ErrorPolicyKind::fail, records);
  if (std::strcmp(what, "undone") == 0) return run<Order>(2, ErrorPolicyKind::dead_letter, records);
  if (std::strcmp(what, "handed_over") == 0) return run<Order>(1, ErrorPolicyKind::fail, records);
  std::fprintf(stderr, "record_path_cost: no path is called %s\n", what);
  return 2;
}

}  // namespace
}  // namespace freshet::worker::testing_support

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s numbers|texts|undone|handed_over RECORDS\n", argv[0]);
    return 2;
  }
  return freshet::worker::testing_support::run(argv[1], std::strtoull(argv[2], nullptr, 10));
}

// The pipeline as a plain loop: what the engine's chain of operators is held against.
//
//   pipeline_loop RECORDS KEYS      prints "NANOSECONDS RECORDS CENTS"

#include <cstdio>
#include <cstdlib>

#include "tests/bench/pipeline/steps.h"
#include "tests/bench/steady.h"

int main(int argc, char** argv) {
  using namespace freshet::bench;
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s RECORDS KEYS\n", argv[0]);
    return 2;
  }
  const std::uint64_t records = std::strtoull(argv[1], nullptr, 10);
  const Keys keys(std::strtoull(argv[2], nullptr, 10), "uniform");
  Sum sum;
  Click click;
  const std::int64_t begin_ns = steady_ns();
  for (std::uint64_t i = 0; i < records; ++i) {
    fill(click, i, keys);
    const Price price = price_of(click);
    if (is_sold(price)) sum.add(with_tax(price));
  }
  std::printf("%lld %llu %lld\n", static_cast<long long>(steady_ns() - begin_ns),
              static_cast<unsigned long long>(sum.records), static_cast<long long>(sum.cents));
}

#include "tests/support/allocations.h"

#include <gtest/gtest.h>

#include <iostream>

#include "tests/runtime/worker/record_path.h"

/// Nothing on the record path allocates per record once it runs: counted over the production classes, one thread.
namespace freshet::worker {

namespace {

using namespace testing_support;

/// What a frame may cost: its parcel, its place in queues, its grant.
constexpr std::uint64_t kMostPerFrame = 8;

template <class T>
void expect_none_per_record(std::uint32_t workers, ErrorPolicy policy) {
  folded = 0;
  Path<T> path(workers, policy);
  path.run_until_folded(300'000);  // pools, slots and strings have grown
  const auto frames_before = path.frames();
  const auto folded_before = folded;
  const auto calls_before = test::allocations.calls;
  path.run_until_folded(folded_before + 300'000);
  const auto calls = test::allocations.calls - calls_before;
  const auto records = folded - folded_before;
  const auto frames = path.frames() - frames_before;
  std::cout << records << " records, " << frames << " frames, " << calls << " allocations\n";
  EXPECT_LT(frames * 100, records) << "frames must be few, or this shows nothing";
  if (test::kCountsAllocations) {
    EXPECT_LE(calls, kMostPerFrame * frames);
  }
}

const ErrorPolicy kFail{.kind = ErrorPolicyKind::fail};
const ErrorPolicy kSetAside{.kind = ErrorPolicyKind::dead_letter};

TEST(Allocations, NonePerRecordOfNumbersBetweenWorkers) { expect_none_per_record<Order>(2, kFail); }
TEST(Allocations, NonePerRecordOfNumbersInsideAWorker) { expect_none_per_record<Order>(1, kFail); }
TEST(Allocations, NonePerRecordOfStringsBetweenWorkers) { expect_none_per_record<NamedOrder>(2, kFail); }
TEST(Allocations, NonePerRecordOfStringsInsideAWorker) { expect_none_per_record<NamedOrder>(1, kFail); }
TEST(Allocations, NonePerRecordWhereCallsCanBeUndone) { expect_none_per_record<NamedOrder>(2, kSetAside); }

}  // namespace

}  // namespace freshet::worker

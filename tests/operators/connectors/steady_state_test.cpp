// What is used for every record must not allocate once its buffers have grown. Counts the calls of operator new.

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include <freshet/endpoints.h>
#include <freshet/file_sink.h>
#include <freshet/file_source.h>

#include "operators/connectors/delimited.h"
#include "operators/connectors/json_line.h"
#include "operators/connectors/line_reader.h"
#include "operators/connectors/log_line.h"
#include "operators/connectors/output_file.h"
#include "operators/connectors/shop_traffic.h"
#include "operators/connectors/time_format.h"
#include "operators/connectors/value_map.h"
#include "tests/operators/connectors/test_files.h"

namespace {
thread_local std::uint64_t allocations = 0;
}

// The sanitizers have allocators of their own to check; there, nothing is counted. Not inlined, or g++ sees free() meet
// a `new` and warns.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace freshet::files {
namespace {

struct Click {
  std::string user{};
  std::string page{};
  std::uint64_t count = 0;
  Time time{};
  FRESHET_RECORD(user, page, count, time)
};

TEST(SteadyState, LinesAreReadSplitAndMappedWithoutAllocating) {
  const testing::TestDirectory directory;
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += std::to_string(100'000 + i) + ",\"a \"\"b\"\"\nc\",pv,1511658000\n";
  auto reader = LineReader::open(directory.write_gz("a.csv.gz", text));
  ASSERT_TRUE(reader.ok());
  Delimited csv(',');
  const auto values = ValueMap::from_text("buy=order,pv=view,x*=y");
  const auto time = TimeFormat::from_text("s");
  InputLine record;
  std::uint64_t warm = 0;
  std::uint64_t records = 0;
  while (reader->next_record(record, ',') == LineReader::Got::line) {
    if (++records == 1000) warm = allocations;
    ASSERT_TRUE(csv.parse(record.text));
    ASSERT_EQ(values->map(csv.fields()[2]), "view");
    ASSERT_EQ(time->parse(csv.fields()[3]), 1'511'658'000'000);
  }
  EXPECT_EQ(records, 40'000u);
  EXPECT_EQ(allocations - warm, 0u);
}

TEST(SteadyState, JsonLinesArePickedWithoutAllocating) {
  JsonLine json({"user.id", "name"});
  std::uint64_t warm = 0;
  std::string line;
  line.reserve(4000);
  for (std::size_t round = 0; round < 1000; ++round) {
    line.assign(R"({"user":{"id":5},"name":")").append(round, 'x').append("\"}");
    if (round == 10) warm = allocations;
    ASSERT_TRUE(json.parse(line));
    ASSERT_EQ(json.values()[1]->size(), round);
  }
  EXPECT_EQ(allocations - warm, 0u);
}

TEST(SteadyState, LogLinesAreTakenApartWithoutAllocating) {
  LogLine log;
  const TimeFormat time;
  std::uint64_t warm = 0;
  std::string line;
  for (std::size_t round = 0; round < 1000; ++round) {
    line.assign(R"(h - - [17/May/2026:10:05:03 +0000] "GET /)").append(50 + round * 7 % 50, 'x');
    line.append(R"(\"y HTTP/1.1" 200 1 "\x41" "an agent" 0.5)");
    if (round == 100) warm = allocations;
    ASSERT_TRUE(log.parse(line));
    ASSERT_EQ(log.values()[9], "A");
    ASSERT_EQ(time.parse(*log.values()[3]), 1'779'012'303'000);
  }
  EXPECT_EQ(allocations - warm, 0u);
}

TEST(SteadyState, RecordsAreReadAndWrittenWithoutAllocating) {
  const testing::TestDirectory directory;
  std::string text;
  for (int i = 0; i < 40'000; ++i)
    text += "user number " + std::to_string(100'000 + i) + ",\"a page, whose name is long\",7,1511658000\n";
  FileSource<Click> source({.path = directory.write("a.csv", text), .columns = "user=1,page=2,count=3,time=4"});
  FileWriter<void, Click> writer(directory.path("out"), RowFormat::csv, {});
  source.open();
  writer.open({"sink", 0, 1});
  Split split = source.discover().front();
  freshet::detail::Column<Click> records;
  std::uint64_t warm = 0;
  std::uint64_t count = 0;
  for (auto progress = Progress::progress; progress != Progress::done; records.clear()) {
    Out<Click> out;
    out.bind(records);
    if (count > 4 * kBatchRecords && warm == 0) warm = allocations;
    progress = source.read(split, out);
    for (std::size_t i = 0; i < records.size(); ++i, ++count) writer.write(nullptr, records[i]);
    if (progress == Progress::done) {
      EXPECT_EQ(allocations - warm, 0u);
    }
  }
  EXPECT_EQ(count, 40'000u);
}

TEST(SteadyState, ShopEventsAreMadeWithoutAllocating) {
  shop::ShopTraffic traffic({.partition = 1'000'000, .disorder_ms = 10});
  shop::ShopEvent event;
  event.id.reserve(40);
  const auto before = allocations;
  for (int i = 0; i < 100'000; ++i) traffic.next(event);
  EXPECT_EQ(allocations - before, 0u);
}

TEST(SteadyState, BytesAreAppendedWithoutAllocating) {
  const testing::TestDirectory directory;
  auto file = OutputFile::create(directory.path("out"));
  ASSERT_TRUE(file.ok());
  const auto before = allocations;
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(file->append("a line of some length\n"));
  EXPECT_EQ(allocations - before, 0u);
}

}  // namespace
}  // namespace freshet::files

#include <freshet/file_source.h>
#include <gmock/gmock.h>

#include "tests/operators/connectors/test_files.h"
#include "tests/operators/source_reader.h"

namespace freshet::files {
namespace {

using freshet::testing::SourceReader;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TestDirectory;

enum class Kind : std::uint8_t { view, buy };
FRESHET_ENUM(Kind, view, buy)

struct Row {
  std::string user = "nobody";
  std::int64_t count = 7;
  Kind kind = Kind::view;
  Time time{};
  std::optional<double> price{};
  std::uint64_t line = 0;
  std::string file{};
  bool operator==(const Row&) const = default;
  FRESHET_RECORD(user, count, kind, time, price, line, file)
};

using Reader = SourceReader<FileSource<Row>>;

Time at(std::int64_t seconds) { return Time(std::chrono::seconds(seconds)); }

struct FileSourceTest : ::testing::Test {
  std::vector<InputProblem> problems_of(const InputOptions& options) { return check_input(options, schema_of<Row>()); }
  TestDirectory directory;
};

TEST_F(FileSourceTest, ReadsColumnsByNumberWithTheirLines) {
  const auto path = directory.write("a.csv", "ann,1,view,60\nbob,2,buy,61\n");
  Reader reader(InputOptions{.path = path, .columns = "user=1,count=2,kind=3,time=4,line=@line,file=@file"});
  reader.open_all().read_all();
  EXPECT_THAT(reader.records, ElementsAre(Row{"ann", 1, Kind::view, at(60), {}, 1, path},
                                          Row{"bob", 2, Kind::buy, at(61), {}, 2, path}));
  EXPECT_THAT(reader.positions, ElementsAre(SourcePosition{1, 1}, SourcePosition{1, 2}));
  EXPECT_THAT(reader.letters, IsEmpty());
}

TEST_F(FileSourceTest, FindsColumnsByTheHeaderOfEachFile) {
  directory.write("in/1.csv", "user,count,kind,time\nann,1,view,60\n");
  directory.write("in/2.csv", "time,kind,count,who,user\n61,buy,2,x,bob\n");
  directory.write_gz("in/3.csv.gz", "user,count,kind,time\ncid,3,buy,62\n");
  Reader reader(InputOptions{.path = directory.path("in")});
  reader.open_all().read_all();
  EXPECT_THAT(reader.records, ElementsAre(Row{"ann", 1, Kind::view, at(60)}, Row{"bob", 2, Kind::buy, at(61)},
                                          Row{"cid", 3, Kind::buy, at(62)}));
  EXPECT_THAT(reader.positions, ElementsAre(SourcePosition{1, 2}, SourcePosition{2, 2}, SourcePosition{3, 2}));
}

TEST_F(FileSourceTest, AHeaderCanBeDeniedAndDemanded) {
  const auto path = directory.write("a.csv", "user\nuser\n");
  for (const auto& [header, columns, records] :
       {std::tuple{"auto", "", 1u}, {"true", "user=1", 1u}, {"false", "user=1", 2u}}) {
    Reader reader(InputOptions{.path = path, .columns = columns, .header = header});
    reader.open_all().read_all();
    EXPECT_EQ(reader.records.size(), records) << header;
  }
}

TEST_F(FileSourceTest, ReplacesWordsAsToldPerField) {
  const auto path = directory.write("a.csv", "C17,pv\n18,x\n");
  Reader reader(
      InputOptions{.path = path, .columns = "user=2,kind=1", .values = "kind:C*=view,kind:*=buy,user:pv=ann"});
  reader.open_all().read_all();
  EXPECT_THAT(reader.records, ElementsAre(Row{.user = "ann", .kind = Kind::view}, Row{.user = "x", .kind = Kind::buy}));
}

TEST_F(FileSourceTest, EmptyCellsAreEmptyTextsAndAbsentOptionals) {
  const auto path = directory.write("a.csv", "ann,1,2.5\n,2,\n");
  Reader reader(InputOptions{.path = path, .columns = "user=1,count=2,price=3"});
  reader.open_all().read_all();
  EXPECT_THAT(reader.records, ElementsAre(Row{.user = "ann", .count = 1, .price = 2.5}, Row{.user = "", .count = 2}));
}

TEST_F(FileSourceTest, MalformedLinesAreSetAsideByReasonAndReadingGoesOn) {
  const auto path = directory.write("a.csv",
                                    "ann,1,view,60,1\n"
                                    "ann,x,view,60,1\n"
                                    "ann,1,pv,60,1\n"
                                    "ann,1,view,yesterday,1\n"
                                    "ann,1\n"
                                    "ann,,view,60,1\n"
                                    "ann,1,view,60,inf\n"
                                    "\"ann\"x,1,view,60,1\n"
                                    "\n"
                                    "bob,1,view,60,1,more,is,fine\n"
                                    "\"ann,1,view,60,1\n"
                                    "cid,1,view,60,1\n");
  Reader reader(InputOptions{.path = path, .columns = "user=1,count=2,kind=3,time=4,price=5", .time = "s"});
  reader.open_all().read_all();
  ASSERT_EQ(reader.records.size(), 3u);
  EXPECT_EQ(reader.records[1].user, "bob");
  EXPECT_EQ(reader.records[2].user, "cid");
  EXPECT_THAT(reader.reasons(),
              ElementsAre("malformed: field count", "malformed: field kind", "malformed: field time",
                          "malformed: 2 fields, 5 needed", "malformed: field count", "malformed: field price",
                          "malformed: text behind a quote", "malformed: unterminated quote"));
  EXPECT_EQ(reader.letters[0].record, "ann,x,view,60,1");
  EXPECT_EQ(reader.letters[0].message, "field count: 'x' is no i64");
  EXPECT_EQ(reader.letters[1].message, "field kind: 'pv' is none of view, buy");
  EXPECT_THAT(reader.letters[2].message, HasSubstr("'yesterday' is not a time"));
  EXPECT_EQ(reader.letters[4].message, "field count: is empty, but a i64 is needed");
  EXPECT_EQ(reader.letter_positions[7], (SourcePosition{1, 11}));
}

TEST_F(FileSourceTest, OverLongLinesAreSetAsideCutShort) {
  const auto path = directory.write("a.csv", std::string(3u << 20, 'x') + "\nann\n");
  Reader reader(InputOptions{.path = path, .columns = "user=1"});
  reader.open_all().read_all();
  EXPECT_THAT(reader.records, ElementsAre(Row{.user = "ann"}));
  EXPECT_THAT(reader.reasons(), ElementsAre("malformed: over-long line"));
  EXPECT_EQ(reader.letters[0].record.size(), 4096u);
}

TEST_F(FileSourceTest, GoesOnExactlyBehindAnyPositionAlsoAmidRecordsOfSeveralLines) {
  const auto path =
      directory.write("a.csv", "user,count\nann,1\n\"b\no\nb\",2\n\n\"\"\"c\",3\nann,x\n\"e\n\",6\n\"open,4\ndan,5");
  const InputOptions options{.path = path};
  Reader whole(options);
  whole.open_all().read_all();
  ASSERT_EQ(whole.records.size(), 5u);
  ASSERT_EQ(whole.letters.size(), 2u);
  EXPECT_EQ(whole.positions[2], (SourcePosition{1, 7}));

  std::vector<std::uint64_t> positions;
  for (const auto& position : whole.positions) positions.push_back(position.offset);
  for (const auto& position : whole.letter_positions) positions.push_back(position.offset);
  for (const std::uint64_t position : positions) {
    Reader rest(options);
    rest.open().add_split(1, {.partition = path, .position = position}).read_all();
    EXPECT_EQ(rest.records.size(),
              static_cast<std::size_t>(std::count_if(whole.positions.begin(), whole.positions.end(),
                                                     [&](const auto& p) { return p.offset > position; })));
    EXPECT_EQ(rest.letters.size(),
              static_cast<std::size_t>(std::count_if(whole.letter_positions.begin(), whole.letter_positions.end(),
                                                     [&](const auto& p) { return p.offset > position; })));
    EXPECT_TRUE(std::equal(rest.records.rbegin(), rest.records.rend(), whole.records.rbegin())) << position;
  }
}

TEST_F(FileSourceTest, ASplitEndsInFrontOfItsEnd) {
  const auto path = directory.write("a.csv", "a\nb\nc\nd\n");
  Reader reader(InputOptions{.path = path, .columns = "user=1"});
  reader.open().add_split(1, {.partition = path, .end = 3}).read_all();
  EXPECT_THAT(reader.records, ElementsAre(Row{.user = "a"}, Row{.user = "b"}));
}

TEST_F(FileSourceTest, GivesOnlyWhatIsDueOfEachFile) {
  std::string rows;
  for (int i = 0; i < 99; ++i) rows += i % 10 == 3 ? "ann,x\n\n" : "ann,1\n";
  directory.write("in/1.csv", "user,count\n" + rows);
  const auto second = directory.write("in/2.csv", "user,count\n" + rows);
  const InputOptions options{.path = directory.path("in"), .rate = 20};
  Reader reader(options);
  const Time start = at(1000);
  const auto read_due_at = [](Reader& from, Time now) {
    from.set_now(now);
    while (from.read() != Progress::idle) {
    }
    return std::pair(from.records.size(), from.letters.size());
  };
  reader.set_now(start);
  reader.open_all();
  EXPECT_EQ(read_due_at(reader, start), std::pair(0ul, 0ul));
  EXPECT_EQ(read_due_at(reader, start + 500ms), std::pair(18ul, 2ul));
  EXPECT_EQ(read_due_at(reader, start + 1s), std::pair(36ul, 4ul));
  reader.set_now(start + 1h);
  reader.read_all();
  EXPECT_EQ(reader.records.size() + reader.letters.size(), 2 * 99u);

  Reader restored(options);
  restored.set_now(start + 2h);
  restored.open().add_split(1, {.partition = second, .position = 50});
  EXPECT_EQ(read_due_at(restored, start + 2h), std::pair(0ul, 0ul)) << "what was missed meanwhile is made up for";
  EXPECT_EQ(read_due_at(restored, start + 2h + 100ms), std::pair(2ul, 0ul));
}

TEST_F(FileSourceTest, RefusesRatesThatMakeNoSense) {
  const auto path = directory.write("a.csv", "ann\n");
  for (const double rate : {-1.0, 1e10, std::nan("")}) {
    const auto problems = problems_of({.path = path, .columns = "user=1", .rate = rate});
    ASSERT_EQ(problems.size(), 1u) << rate;
    EXPECT_EQ(problems[0].option, "rate");
  }
}

TEST_F(FileSourceTest, FieldsWithoutAColumnKeepTheirDefaultInReusedRecords) {
  const auto path = directory.write(
      "a.csv", "user,price\n" + [] {
        std::string rows;
        for (int i = 0; i < 1000; ++i) rows += i % 2 == 0 ? "ann,1\n" : "bob,\n";
        return rows;
      }());
  Reader reader(InputOptions{.path = path});
  reader.open_all().read_all();
  ASSERT_EQ(reader.records.size(), 1000u);
  EXPECT_EQ(reader.records[998], (Row{.user = "ann", .price = 1}));
  EXPECT_EQ(reader.records[999], (Row{.user = "bob"}));
}

TEST_F(FileSourceTest, ReadsJsonLinesByPath) {
  const auto path = directory.write("a.jsonl",
                                    "{\"who\":{\"id\":\"ann\"},\"count\":1,\"kind\":\"buy\"}\n"
                                    "{\"count\":null,\"who\":{\"id\":5}}\n"
                                    "{\"who\":\n"
                                    "{\"who\":{}}\n");
  Reader reader(InputOptions{.path = path, .columns = "user=who.id,line=@line"});
  reader.open_all().read_all();
  EXPECT_THAT(reader.records, ElementsAre(Row{.user = "ann", .count = 1, .kind = Kind::buy, .line = 1},
                                          Row{.user = "5", .line = 2}, Row{.user = "", .line = 4}));
  EXPECT_THAT(reader.reasons(), ElementsAre("malformed: JSON"));
}

TEST_F(FileSourceTest, ANumberThatAJsonLineLacksIsMalformedWhereItWasAskedFor) {
  const auto path = directory.write("a.jsonl", "{\"user\":\"ann\"}\n");
  Reader reader(InputOptions{.path = path, .columns = "count=count"});
  reader.open_all().read_all();
  EXPECT_THAT(reader.reasons(), ElementsAre("malformed: field count"));
}

struct Visit {
  std::string host{}, user = "nobody", path{};
  std::uint16_t status = 0;
  std::uint64_t bytes = 0;
  std::optional<double> seconds{};
  Time time{};
  std::uint64_t line = 0;
  bool operator==(const Visit&) const = default;
  FRESHET_RECORD(host, user, path, status, bytes, seconds, time, line)
};

TEST_F(FileSourceTest, ReadsAccessLogsByTheNamesOfTheirColumns) {
  const auto path =
      directory.write("access.log",
                      "h1 - ann [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 5\n"
                      "\n"
                      "h2 - - [17/May/2015:12:05:03 +0200] \"GET /b\\\"c HTTP/1.1\" 404 - \"-\" \"x\" 0.25\n"
                      "h3 - - [17/May/2015:10:05:03 +0000] \"-\" 408 - \"-\" \"-\" -\r\n");
  SourceReader<FileSource<Visit>> reader(InputOptions{.path = path, .columns = "seconds=extra1,line=@line"});
  reader.open_all().read_all();
  const Time then = at(1'431'857'103);
  EXPECT_THAT(reader.records, ElementsAre(Visit{"h1", "ann", "/a", 200, 5, {}, then, 1},
                                          Visit{"h2", "nobody", "/b\"c", 404, 0, 0.25, then, 3},
                                          Visit{"h3", "nobody", "", 408, 0, {}, then, 4}));
  EXPECT_THAT(reader.letters, IsEmpty());
}

TEST_F(FileSourceTest, MalformedLogLinesAreSetAsideByReasonAndReadingGoesOn) {
  const std::string client = "h - - [17/May/2015:10:05:03 +0000] ";
  const auto path = directory.write("a.txt", "nonsense\n" + client + "\"GET / HTTP/1.1\" 200 1 \"r\" \"open\n" +
                                                 client + "\"GET / HTTP/1.1\" 99999 1\n" + std::string(3u << 20, 'x') +
                                                 "\nh - - [yesterday] \"GET / HTTP/1.1\" 200 1\n" + client +
                                                 "\"GET / HTTP/1.1\" 200 1\n");
  SourceReader<FileSource<Visit>> reader(InputOptions{.path = path, .format = "log", .columns = "line=@line"});
  reader.open_all().read_all();
  ASSERT_EQ(reader.records.size(), 1u);
  EXPECT_EQ(reader.records[0].line, 6u);
  EXPECT_THAT(reader.reasons(),
              ElementsAre("malformed: log line", "malformed: unterminated quote", "malformed: field status",
                          "malformed: over-long line", "malformed: field time"));
  EXPECT_EQ(reader.letters[0].message, "it does not begin like host ident user [time]");
  EXPECT_EQ(reader.letters[0].record, "nonsense");
  EXPECT_EQ(reader.letter_positions[1], (SourcePosition{1, 2}));
}

TEST_F(FileSourceTest, AFileThatIsALogByItsNameOnlyMustLookLikeOne) {
  const auto path = directory.write("a.log", "\n{\"user\":\"ann\"}\n");
  const auto visits = [](const InputOptions& options) { return check_input(options, schema_of<Visit>()); };
  const auto problems = visits({.path = path});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].message,
            path + ", line 2: no line of an access log: it does not begin like host ident user [time]");
  EXPECT_THAT(problems[0].remedy, HasSubstr("say input.format=log to have such lines set aside"));
  EXPECT_THAT(visits({.path = path, .format = "log"}), IsEmpty());
  EXPECT_THAT(problems_of({.path = path, .format = "jsonl"}), IsEmpty());
  EXPECT_THAT(visits({.path = directory.write("b.log", "1;/x\n"), .columns = "path=2", .delimiter = ";"}), IsEmpty());
  EXPECT_THAT(visits({.path = directory.write("empty.log", "")}), IsEmpty());
  const auto unknown = visits({.path = path, .format = "log", .columns = "seconds=latency"});
  ASSERT_EQ(unknown.size(), 1u);
  EXPECT_THAT(unknown[0].message, HasSubstr("has no column 'latency' (for field 'seconds')"));
}

TEST_F(FileSourceTest, TabsAndOtherDelimiters) {
  directory.write("in/a.tsv", "ann\t1\t\t\n");
  directory.write("b.data", "bob;2\n");
  Reader tabs(InputOptions{.path = directory.path("in"), .columns = "user=1,count=2"});
  tabs.open_all().read_all();
  EXPECT_THAT(tabs.records, ElementsAre(Row{.user = "ann", .count = 1}));
  Reader semicolons(InputOptions{.path = directory.path("b.data"), .columns = "user=1,count=2", .delimiter = ";"});
  semicolons.open_all().read_all();
  EXPECT_THAT(semicolons.records, ElementsAre(Row{.user = "bob", .count = 2}));
}

TEST_F(FileSourceTest, AFileThatCannotBeReadFailsTheSource) {
  const auto damaged = directory.write_gz("a.csv.gz", std::string(100'000, 'x'));
  const auto bytes = testing::content_of(damaged);
  directory.write("a.csv.gz", std::string_view(bytes).substr(0, bytes.size() / 2));
  Reader cut_off(InputOptions{.path = damaged, .columns = "user=1"});
  cut_off.open_all();
  EXPECT_THROW(cut_off.read_all(), SourceFailed);

  Reader nothing(InputOptions{.path = directory.path("none*.csv")});
  EXPECT_THROW(nothing.open_all(), SourceFailed);
}

TEST_F(FileSourceTest, ALaterFileWithoutAColumnFailsTheSourceNamingIt) {
  directory.write("in/1.csv", "user,count\nann,1\n");
  const auto second = directory.write("in/2.csv", "user,number\nann,1\n");
  Reader reader(InputOptions{.path = directory.path("in"), .columns = "count=count"});
  reader.open_all();
  try {
    reader.read_all();
    FAIL() << "the second file was read";
  } catch (const SourceFailed& failed) {
    EXPECT_THAT(failed.what(), HasSubstr(second + ", line 1: the header has no column 'count'"));
  }
}

TEST_F(FileSourceTest, APositionBehindTheEndMeansAnotherFile) {
  const auto path = directory.write("a.csv", "ann\n");
  Reader reader(InputOptions{.path = path, .columns = "user=1"});
  reader.open().add_split(1, {.partition = path, .position = 9});
  EXPECT_THROW(reader.read_all(), SourceFailed);
}

TEST_F(FileSourceTest, AllThatIsWrongIsToldAtOnceBeforeAnythingRuns) {
  std::vector<std::string> options;
  for (const auto& problem : problems_of({.path = directory.path("none"),
                             .format = "xml",
                             .columns = "usr=1,user=@page",
                             .values = "kind:a=b,c=d",
                             .time = "%Q",
                             .delimiter = "ab",
                             .header = "maybe"})) {
    options.push_back(problem.option);
    EXPECT_FALSE(problem.message.empty() || problem.remedy.empty());
  }
  EXPECT_THAT(options,
              ElementsAre("columns", "columns", "values", "values", "delimiter", "time", "header", "format", ""));
}

TEST_F(FileSourceTest, TheFirstFilesHeaderIsCheckedBeforeAnythingRuns) {
  const auto path = directory.write("a.csv", "user,count\nann,1\n");
  EXPECT_THAT(problems_of({.path = path}), IsEmpty());
  const auto missing = problems_of({.path = path, .columns = "kind=knd,time=tme"});
  ASSERT_EQ(missing.size(), 2u);
  EXPECT_THAT(missing[0].message, HasSubstr("the header has no column 'knd'"));
  const auto required = problems_of({.path = path, .required = {"user", "time"}});
  ASSERT_EQ(required.size(), 1u);
  EXPECT_THAT(required[0].message, HasSubstr("no column stands for time"));
  EXPECT_EQ(problems_of({.path = directory.write("b.csv", "1,2\n")}).size(), 1u);
}

TEST_F(FileSourceTest, LinesComeWithFileAndNumberBlankOnesToo) {
  const auto path = directory.write("a.txt", "one \"two\n\nthree, four\r\n");
  SourceReader<LineSource> reader(path);
  reader.open_all().read_all();
  EXPECT_THAT(reader.records, ElementsAre(Line{"one \"two", path, 1}, Line{"", path, 2}, Line{"three, four", path, 3}));
}

TEST_F(FileSourceTest, SaysWhereARecordCameFrom) {
  EXPECT_EQ(FileSource<Row>(InputOptions{}).describe("in/a.csv", 918), "in/a.csv, line 918");
}

}  // namespace
}  // namespace freshet::files

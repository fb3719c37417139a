#include "operators/connectors/input_files.h"

#include <gmock/gmock.h>

#include "tests/operators/connectors/test_files.h"

namespace freshet::files {
namespace {

using ::testing::ElementsAre;

struct InputFiles : ::testing::Test {
  InputFiles() {
    for (const char* name : {"in/b.csv", "in/a.csv", "in/c.csv.gz", "in/.hidden.csv", "in/d.csv.inprogress",
                             "in/deep/e.csv", "x[1].csv"}) {
      directory.write(name, "");
    }
  }
  std::string path(const std::string& name) const { return directory.path(name); }
  std::vector<std::string> expand(const std::string& patterns) const {
    auto files = expand_globs(patterns);
    EXPECT_TRUE(files.ok()) << (files.ok() ? "" : files.error().message);
    return files.value_or({});
  }
  testing::TestDirectory directory;
};

TEST_F(InputFiles, PatternsAreExpandedInOrderAndOnce) {
  EXPECT_THAT(expand(path("in/*.csv") + ", " + path("in/a.csv") + "," + path("in/./b.csv")),
              ElementsAre(path("in/a.csv"), path("in/b.csv")));
  EXPECT_THAT(expand(path("in/{b,c}.csv*")), ElementsAre(path("in/b.csv"), path("in/c.csv.gz")));
}

TEST_F(InputFiles, ADirectoryMeansItsVisibleFinishedFiles) {
  const auto files = ElementsAre(path("in/a.csv"), path("in/b.csv"), path("in/c.csv.gz"));
  EXPECT_THAT(expand(path("in")), files);
  EXPECT_THAT(expand(path("in/")), files);
}

TEST_F(InputFiles, AFileWhoseNameLooksLikeAPatternIsFound) {
  EXPECT_THAT(expand(path("x[1].csv")), ElementsAre(path("x[1].csv")));
}

TEST_F(InputFiles, APatternWithoutAnyFileIsAnErrorThatNamesThePlace) {
  EXPECT_EQ(expand_globs(path("in/*.tsv")).error().message,
            "input: no file matches '" + path("in/*.tsv") + "' (looked in " + path("in") + ")");
  EXPECT_EQ(
      expand_globs("no-such-*.csv", "orders").error().message,
      "orders: no file matches 'no-such-*.csv' (looked in " + (std::filesystem::current_path() / "").string() + ")");
  EXPECT_FALSE(expand_globs(path("in/a.csv") + "," + path("in/z.csv")).ok()) << "one of two is missing";
}

TEST_F(InputFiles, AnEmptyDirectoryAndAnEmptyListAreErrors) {
  std::filesystem::create_directory(path("empty"));
  EXPECT_EQ(expand_globs(path("empty")).error().message,
            "input: no file matches '" + path("empty") + "' (looked in " + path("empty") + ")");
  EXPECT_EQ(expand_globs(" ,").error().message,
            "input: no input file given; name files, directories or patterns like 'in/*.csv'");
}

}  // namespace
}  // namespace freshet::files

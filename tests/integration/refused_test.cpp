#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <freshet/job.h>
#include <fstream>
#include <sstream>

#include "tests/integration/command.h"
#include "tests/integration/process_table.h"

/// What is wrong with a job is said before anything of it runs, all of it at once, each with where it is and what to
/// do: the real command line on real job libraries (refused/*.cpp).
namespace freshet::integration {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::string library(const std::string& name) { return std::string(FRESHET_LIBRARIES) + "/librefused_" + name + ".so"; }

struct Case {
  std::string name{};
  std::vector<std::string> words{};   ///< behind `freshet VERB LIB`
  std::vector<std::string> errors{};  ///< the lines of the answer, below its first
  std::string file = library("mistakes");
  int exit_code = 3;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string answer_to(const Case& one) {
  const auto count = one.errors.size();
  std::string text =
      "refused: " + std::to_string(count) + (count == 1 ? " error" : " errors") + ", nothing was started\n";
  for (const auto& error : one.errors) text += "  " + error + "\n";
  return text;
}

const std::string kNoKey = "is a keyed step, but this stream has no key (Say key_by(&Record::field) before it)";
const std::string kTwice =
    "more than one operator has this id (Give each an id of its own: state and metrics are kept under it)";
const std::string kGroups = "(128 key groups; fixed when the job first starts, --key-groups)";

std::vector<Case> graph_mistakes() {
  return {
      {"Cycle",
       {"--job", "cycle"},
       {"cycle words -> tidy -> words: a stream cannot come back to where it was (Take one of these edges away)"}},
      {"Dangling",
       {"--job", "dangling"},
       {"operator result: nothing comes in (Connect it to a stream, or leave it out)",
        "edge totals -> #17: operator #17 does not exist (there are 5) (Connect what exists)"}},
      {"Duplicate", {"--job", "duplicate"}, {"operator words: " + kTwice}},
      {"Mismatch",
       {"--job", "mismatch"},
       {"edge words -> tidy: the records do not match: field text: only here, field count: only here, field value: "
        "only "
        "there (here: what words gives, there: what tidy takes) (Make both the same record, or put a map between)"}},
      {"Keyless", {"--job", "keyless"}, {"edge tidy -> totals: totals " + kNoKey}},
      {"NoTasks",
       {"--job", "no_tasks"},
       {"operator lines: parallelism 0: must be at least 1 (Leave .parallelism() away to have that of the job)"}},
      {"TooWide", {"--job", "too_wide"}, {"operator once: parallelism 129: must be 1 to 128 " + kGroups}},
  };
}

std::vector<Case> parameter_mistakes() {
  return {
      {"MissingParameters",
       {"--job", "needy"},
       {"parameter region: missing: where the shop is (Say --param region=VALUE)",
        "parameter password: missing: of the shop (Say --param password=VALUE)",
        "parameter catalog: missing: lines of item,category (Attach it: --file catalog=PATH)"}},
      {"UnknownParameters",
       {"--job", "sound", "--param", "limti=3", "--param", "quux=3", "--file", "patence=/dev/null"},
       {"parameter limti: unknown (Did you mean limit?)", "parameter quux: unknown (Use one of limit, patience)",
        "parameter patence: unknown (Did you mean patience?)"}},
      {"ValuesThatAreNone",
       {"--job", "sound", "--param", "limit=many", "--param", "patience=soon"},
       {"parameter limit: many is not a whole number from -2147483648 to 2147483647",
        "parameter patience: soon is not a duration (90ms, 1.5s, 30min, 24h, 7d)"}},
      {"GivenTwice",
       {"--job", "sound", "--param", "limit=3", "--param", "limit=4"},
       {"parameter limit: given twice: 3 and 4 (Give it once)"}},
      {"SecretsStayHidden",
       {"--job", "needy", "--param", "region=here", "--param", "password=one", "--param", "password=two", "--file",
        "catalog=" FRESHET_EXECUTABLE},
       {"parameter password: given twice: **** and **** (Give it once)"}},
      {"MissingFile",
       {"--job", "needy", "--param", "region=here", "--param", "password=x", "--file",
        "catalog=/nonexistent/items.csv"},
       {"parameter catalog: there is no file /nonexistent/items.csv (Check the path after --file catalog=)"},
       library("mistakes"),
       4},
      {"MissingFileAmongOthers",
       {"--job", "needy", "--param", "password=x", "--file", "catalog=/nonexistent/items.csv"},
       {"parameter catalog: there is no file /nonexistent/items.csv (Check the path after --file catalog=)",
        "parameter region: missing: where the shop is (Say --param region=VALUE)"}},
      {"NoSuchJob",
       {"--job", "sounds"},
       {"library " + library("mistakes") +
        ": the library has no job sounds; it has sound, needy, cycle, dangling, duplicate, mismatch, keyless, "
        "no_tasks, "
        "too_wide, everything"}},
  };
}

std::vector<Case> library_mistakes() {
  return {
      {"Everything",
       {"--job", "everything", "--param", "limit=many", "--param", "regoin=here"},
       {"operator words: " + kTwice, "operator result: parallelism 5000: must be 1 to 128 " + kGroups,
        "operator result: nothing comes in (Connect it to a stream, or leave it out)",
        "cycle left -> right -> left: a stream cannot come back to where it was (Take one of these edges away)",
        "edge words -> words: the records do not match: field text: only here, field count: only here, field value: "
        "only "
        "there (here: what words gives, there: what the edge carries) (Make both the same record, or put a map "
        "between)",
        "edge totals -> #17: operator #17 does not exist (there are 7) (Connect what exists)",
        "edge words -> totals: totals " + kNoKey,
        "parameter limit: many is not a whole number from -2147483648 to 2147483647",
        "parameter regoin: unknown (Did you mean region?)",
        "parameter region: missing: where the shop is (Say --param region=VALUE)",
        "parameter catalog: missing: lines of item,category (Attach it: --file catalog=PATH)"}},
      {"ThrowingBuildFunction",
       {},
       {"job throws: the build function of throws threw exception std::invalid_argument: depth must be odd. It should "
        "only declare: costly things belong into job.resource"},
       library("throwing")},
      {"ForeignEngine",
       {},
       {"library " + library("foreign") + ": it was built for freshet-9.9.9 g++-99, this engine is " + FRESHET_ABI_TAG +
        " (Build it again with this SDK and its compiler)"},
       library("foreign")},
      {"NoJobLibrary",
       {},
       {"library " + library("no_job") +
        ": it is no job library: it has no FRESHET_JOB (Build it with freshet_add_job())"},
       library("no_job")},
  };
}

std::vector<Case> mistakes() {
  auto all = graph_mistakes();
  for (const auto& more : {parameter_mistakes(), library_mistakes()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

class Refused : public testing::TestWithParam<Case> {
 protected:
  Answer ask(const std::string& verb, std::vector<std::string> more = {}) {
    std::vector<std::string> words{verb, GetParam().file};
    words.insert(words.end(), GetParam().words.begin(), GetParam().words.end());
    words.insert(words.end(), more.begin(), more.end());
    return freshet_.run(words);
  }
  /// A run that begins makes a data folder first.
  bool something_ran() const { return std::filesystem::exists(freshet_.state_folder()); }

  Freshet freshet_;
};

TEST_P(Refused, ByValidateSubmitPlanAndRunInTheSameWords) {
  freshet_.environment["FRESHET_MANAGER"] = "127.0.0.1:1";  // nobody is there, and nobody is asked
  for (const char* verb : {"validate", "submit", "plan", "run"}) {
    const Answer answer = ask(verb);
    EXPECT_EQ(answer.exit_code, GetParam().exit_code) << verb;
    EXPECT_EQ(answer.err, answer_to(GetParam())) << verb;
    EXPECT_EQ(answer.out, "") << verb;
  }
  EXPECT_FALSE(something_ran());
}

TEST_P(Refused, AsOneJsonObjectWithTheSameErrors) {
  const Answer answer = ask("validate", {"--json"});
  EXPECT_EQ(answer.exit_code, GetParam().exit_code);
  EXPECT_EQ(answer.err, "");
  const json body = json::parse(answer.out);
  EXPECT_EQ(body.at("version"), 1);
  EXPECT_EQ(body.at("valid"), false);
  std::vector<std::string> errors;
  for (const auto& error : body.at("errors")) {
    const std::string remedy = error.at("remedy");
    errors.push_back(error.at("where").get<std::string>() + ": " + error.at("message").get<std::string>() +
                     (remedy.empty() ? "" : " (" + remedy + ")"));
  }
  EXPECT_EQ(errors, GetParam().errors);
}

INSTANTIATE_TEST_SUITE_P(All, Refused, testing::ValuesIn(mistakes()), [](const auto& test) { return test.param.name; });

class RefusedLibrary : public testing::Test {
 protected:
  /// What validate, submit, plan and run say, which must be the same.
  void expect(const std::string& file, int exit_code, const testing::Matcher<std::string>& text) {
    for (const char* verb : {"validate", "submit", "plan", "run"}) {
      const Answer answer = freshet_.run({verb, file});
      EXPECT_EQ(answer.exit_code, exit_code) << verb;
      EXPECT_THAT(answer.err, text) << verb;
      EXPECT_EQ(answer.out, "") << verb;
    }
    EXPECT_FALSE(std::filesystem::exists(freshet_.state_folder()));
  }
  Freshet freshet_;
  ScratchFolder folder_;
};

TEST_F(RefusedLibrary, ThatDoesNotExist) {
  expect(folder_ / "libshop.so", 4,
         folder_ / "libshop.so" + ": no such file. LIB is a job library such as build/jobs/libshop.so\n");
}

TEST_F(RefusedLibrary, ThatIsAFolder) {
  expect(folder_.path().string() + "/", 4, HasSubstr(": is a folder. LIB is a job library such as"));
}

TEST_F(RefusedLibrary, OfBytesThatAreNoLibrary) {
  std::ofstream(folder_ / "libshop.so") << std::string(5'000, '\x7e');
  expect(folder_ / "libshop.so", 3,
         AllOf(StartsWith("refused: 1 error, nothing was started\n  library "), HasSubstr("invalid ELF header"),
               HasSubstr("Build it with freshet_add_job()")));
}

TEST_F(RefusedLibrary, ThatWasCutShort) {
  const std::string whole = content_of(library("mistakes"));
  std::ofstream(folder_ / "libshop.so") << whole.substr(0, 3'000);
  expect(folder_ / "libshop.so", 3, AnyOf(HasSubstr("cannot be loaded"), HasSubstr("loading it crashed")));
}

TEST_F(RefusedLibrary, ThatMayNotBeRead) {
  std::filesystem::copy_file(library("mistakes"), folder_ / "libshop.so");
  std::filesystem::permissions(folder_ / "libshop.so", std::filesystem::perms::none);
  std::filesystem::permissions(folder_.path(), std::filesystem::perms::all);
  if (geteuid() == 0) {  // the superuser may read everything
    freshet_.user = 65'534;
    std::filesystem::permissions(freshet_.home().path(), std::filesystem::perms::all);
    if (freshet_.run({"help"}).exit_code != 0) GTEST_SKIP() << "the build tree is closed to other users";
  }
  expect(folder_ / "libshop.so", 4, AllOf(HasSubstr("libshop.so: "), HasSubstr("Permission denied")));
}

TEST_F(RefusedLibrary, WithSeveralJobsOfWhichNoneWasChosen) {
  expect(library("mistakes"), 2, HasSubstr(" has several jobs. Say which: --job sound or --job needy or --job cycle"));
}

TEST_F(RefusedLibrary, TasksBeyondTheKeyGroups) {
  for (const auto& [flags, error] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--parallelism", "0"}, "parallelism 0: must be 1 to 128 " + kGroups},
           {{"--parallelism", "129"}, "parallelism 129: must be 1 to 128 " + kGroups},
           {{"--parallelism", "-4"}, "parallelism -4: must be 1 to 128 " + kGroups},
           {{"--key-groups", "0"}, "key groups 0: must be 1 to 32768 (--key-groups)"}}) {
    for (const char* verb : {"submit", "run"}) {
      std::vector<std::string> words{verb, library("mistakes"), "--job", "sound"};
      words.insert(words.end(), flags.begin(), flags.end());
      const Answer answer = freshet_.run(words);
      EXPECT_EQ(answer.exit_code, 3) << verb;
      EXPECT_EQ(answer.err, "refused: 1 error, nothing was started\n  " + error + "\n") << verb;
    }
  }
  EXPECT_FALSE(std::filesystem::exists(freshet_.state_folder()));
}

/// With a cluster that could start what was refused.
class RefusedByACluster : public RefusedLibrary {
 protected:
  void SetUp() override { ASSERT_EQ(cluster_.started().exit_code, 0) << cluster_.started().err; }
  json jobs() { return json::parse(freshet_.run({"list", "--json"}).out).at("jobs"); }
  RunningCluster cluster_{freshet_, 1};
};

TEST_F(RefusedByACluster, NothingIsStartedAndNoJobIsListed) {
  for (const auto& one : mistakes()) {
    std::vector<std::string> words{"submit", one.file, "--name", "shop"};
    words.insert(words.end(), one.words.begin(), one.words.end());
    const Answer answer = freshet_.run(words);
    EXPECT_EQ(answer.exit_code, one.exit_code) << one.name;
    EXPECT_EQ(answer.err, answer_to(one)) << one.name;
  }
  EXPECT_THAT(jobs(), IsEmpty());
  EXPECT_THAT(cluster_.workers(), IsEmpty());
}

TEST_F(RefusedByACluster, TheJobManagerRefusesWhatTheCommandLineCannotSee) {
  const Answer answer =
      freshet_.run({"submit", library("mistakes"), "--job", "sound", "--name", "no spaces", "--workers", "100000"});
  EXPECT_EQ(answer.exit_code, 3);
  EXPECT_THAT(lines_of(answer.err),
              ElementsAre("refused: 2 errors, nothing was started", AllOf(StartsWith("  name: "), HasSubstr("--name")),
                          AllOf(StartsWith("  workers: "), HasSubstr("--workers"))));
  EXPECT_THAT(jobs(), IsEmpty());
}

TEST_F(RefusedByACluster, AWorkerRefusesAPlanThatItsLibraryDoesNotBuild) {
  const Answer answer = freshet_.run({"submit", library("unsteady")});
  EXPECT_EQ(answer.exit_code, 9);
  EXPECT_THAT(answer.err, AllOf(HasSubstr("unsteady Failed: "), HasSubstr("refused its plan"),
                                HasSubstr("the job library builds another plan here (fingerprint "),
                                HasSubstr("its build function must depend on its parameters and declared files alone: "
                                          "not on the machine, the time or the environment")));
  EXPECT_EQ(jobs().at(0).at("state"), "Failed");
  EXPECT_THAT(cluster_.workers(), IsEmpty());
}

TEST(RefusedRun, AWorkerRefusesAPlanThatItsLibraryDoesNotBuild) {
  Freshet freshet;
  const Answer answer = freshet.run({"run", library("unsteady")});
  EXPECT_EQ(answer.exit_code, 9);
  EXPECT_THAT(answer.err, HasSubstr("the job library builds another plan here"));
  EXPECT_THAT(processes_with(freshet.state_folder()), IsEmpty());
}

}  // namespace
}  // namespace freshet::integration

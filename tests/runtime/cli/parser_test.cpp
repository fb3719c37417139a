#include "runtime/cli/parser.h"

#include <gflags/gflags.h>
#include <gtest/gtest.h>

#include "runtime/cli/flags.h"
#include "support.h"

namespace freshet::cli {
namespace {

using Words = std::vector<std::string>;

class Parser : public testing::Test {
 protected:
  Result<CommandLine> parse(const Words& words) { return parse_command_line(table_, words); }
  std::string complaint(const Words& words) {
    const auto line = parse(words);
    if (line) return "(no complaint)";
    EXPECT_EQ(line.failure().code, ExitCode::kUsage);
    return line.failure().message.substr(0, line.failure().message.find('\n'));
  }

  gflags::FlagSaver saver_;
  VerbTable table_ = make_verbs(test::fake_roles());
};

TEST_F(Parser, TakesValuesBehindSpaceAndEquals) {
  ASSERT_TRUE(parse({"submit", "lib.so", "--name", "shop", "--parallelism=4", "--detach"}));
  EXPECT_EQ(FLAGS_name, "shop");
  EXPECT_EQ(FLAGS_parallelism, 4);
  EXPECT_TRUE(FLAGS_detach);
}

TEST_F(Parser, TakesSwitchesInAllTheirForms) {
  ASSERT_TRUE(parse({"list", "--json", "--nojson"}));
  EXPECT_FALSE(FLAGS_json);
  ASSERT_TRUE(parse({"list", "--json=true"}));
  EXPECT_TRUE(FLAGS_json);
  ASSERT_TRUE(parse({"list", "--json=false"}));
  EXPECT_FALSE(FLAGS_json);
  EXPECT_EQ(complaint({"list", "--json=maybe"}), "freshet list: --json 'maybe': expected true or false");
  EXPECT_EQ(complaint({"list", "--nojson=1"}), "freshet list: --nojson takes no value");
}

TEST_F(Parser, KeepsRepeatedFlagsInOrder) {
  const auto line = parse({"submit", "lib.so", "--param", "b=2", "--param=a=1", "--file", "f=x", "--param", "b=3"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->repeated.at("param"), (Words{"b=2", "a=1", "b=3"}));
  EXPECT_EQ(line->repeated.at("file"), (Words{"f=x"}));
  EXPECT_EQ(line->given, (Words{"param", "file"}));
}

TEST_F(Parser, KeepsArgumentsInOrderAndEndsFlagsAtTwoDashes) {
  const auto line = parse({"help", "--", "--weird", "start"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->arguments, (Words{"--weird", "start"}));
  const auto dash = parse({"describe", "-"});
  ASSERT_TRUE(dash);
  EXPECT_EQ(dash->arguments, (Words{"-"}));
}

TEST_F(Parser, TakesAliases) {
  ASSERT_TRUE(parse({"logs", "shop", "-f", "-n", "7"}));
  EXPECT_TRUE(FLAGS_follow);
  EXPECT_EQ(FLAGS_lines, 7);
  ASSERT_TRUE(parse({"logs", "-n5", "shop"}));
  EXPECT_EQ(FLAGS_lines, 5);
  ASSERT_TRUE(parse({"logs", "-n=6", "shop"}));
  EXPECT_EQ(FLAGS_lines, 6);
  EXPECT_EQ(complaint({"logs", "shop", "-fn5"}), "freshet logs: -f takes no value; write short flags one by one");
  EXPECT_EQ(complaint({"logs", "shop", "-x"}),
            "freshet logs: unknown flag -x. (An argument that starts with '-' goes behind '--'.)");
}

TEST_F(Parser, RefusesUnknownFlagsWithUsageAndANearOne) {
  const auto line = parse({"list", "--jsn"});
  ASSERT_FALSE(line);
  EXPECT_EQ(line.failure().message,
            "freshet list: unknown flag --jsn. Did you mean --json?\nusage: freshet list [--json]");
}

TEST_F(Parser, RefusesFlagsOfOtherVerbsAndOfGflagsItself) {
  EXPECT_EQ(complaint({"list", "--param", "a=1"}), "freshet list: unknown flag --param.");
  EXPECT_EQ(complaint({"list", "--flagfile=x"}), "freshet list: unknown flag --flagfile.");
  EXPECT_EQ(complaint({"list", "--show_request"}),
            "freshet list: unknown flag --show_request. Did you mean --show-request?");
  EXPECT_EQ(complaint({"--manager", "x", "list"}),
            "freshet: flags belong to a verb and come after it: freshet VERB --manager");
}

TEST_F(Parser, RefusesValuesOfAnotherForm) {
  EXPECT_EQ(complaint({"submit", "l.so", "--parallelism", "four"}),
            "freshet submit: --parallelism 'four': expected a whole number");
  EXPECT_EQ(complaint({"submit", "l.so", "--parallelism", "99999999999"}),
            "freshet submit: --parallelism '99999999999': expected a whole number");
  EXPECT_EQ(complaint({"logs", "shop", "-n0"}), "freshet logs: --lines '0': expected a whole number from 1 to 10000");
  EXPECT_EQ(complaint({"cluster", "start", "--agents", "65"}),
            "freshet cluster start: --agents '65': expected a whole number from 0 to 64");
  EXPECT_EQ(complaint({"list", "--timeout=30"}),
            "freshet list: --timeout '30': expected a duration such as 250ms, 30s, 5min, 2h or 1d");
  EXPECT_EQ(complaint({"submit", "l.so", "--param", "=x"}), "freshet submit: --param '=x': expected KEY=VALUE");
  EXPECT_EQ(complaint({"plan", "shop", "--format", "xml"}),
            "freshet plan: --format 'xml': expected one of text, dot, json");
}

TEST_F(Parser, RefusesAForgottenValue) {
  EXPECT_EQ(complaint({"submit", "l.so", "--name"}), "freshet submit: --name needs a value: a text");
  EXPECT_EQ(complaint({"submit", "l.so", "--name", "--detach"}), "freshet submit: --name needs a value: a text");
  ASSERT_TRUE(parse({"submit", "l.so", "--name=--detach"}));
  EXPECT_EQ(FLAGS_name, "--detach");
}

TEST_F(Parser, CountsArguments) {
  EXPECT_EQ(complaint({"status"}), "freshet status: missing argument JOB");
  EXPECT_EQ(complaint({"status", "a", "b"}), "freshet status: unexpected argument 'b'");
  EXPECT_EQ(complaint({"list", "shop"}), "freshet list: unexpected argument 'shop'");
}

TEST_F(Parser, SuggestsVerbsAndSubVerbs) {
  EXPECT_EQ(complaint({"stauts", "shop"}), "freshet: unknown verb 'stauts'. Did you mean status?");
  EXPECT_EQ(complaint({"frobnicate"}), "freshet: unknown verb 'frobnicate'.");
  EXPECT_EQ(complaint({"cluster"}), "freshet cluster: which of start|stop|status?");
  EXPECT_EQ(complaint({"cluster", "strat"}), "freshet cluster: unknown sub-verb 'strat'. Did you mean start?");
}

TEST_F(Parser, FindsHelpWhereverItStands) {
  for (const Words& words :
       {Words{"status", "--help"}, Words{"status", "shop", "-h"}, Words{"status", "--watch", "--help"}}) {
    const auto line = parse(words);
    ASSERT_TRUE(line);
    EXPECT_TRUE(line->wants_help);
    EXPECT_EQ(line->verb->name, "status");
  }
  const auto general = parse({"-h"});
  ASSERT_TRUE(general);
  EXPECT_EQ(general->verb, nullptr);
}

TEST_F(Parser, KnowsNoVerbWithoutItsHandler) {
  const VerbTable bare = make_verbs(Roles{});
  const auto line = parse_command_line(bare, Words{"run", "lib.so"});
  ASSERT_FALSE(line);
  EXPECT_EQ(line.failure().code, ExitCode::kUsage);
}

}  // namespace
}  // namespace freshet::cli

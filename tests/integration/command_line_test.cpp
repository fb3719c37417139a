#include <gmock/gmock.h>
#include <signal.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <functional>
#include <sstream>
#include <thread>

#include "tests/integration/command.h"
#include "tests/integration/freshet_program.h"
#include "tests/integration/process_table.h"

/// The rules of the command line, with the real executable, a real cluster and no terminal: exit codes, what goes
/// where, how a typing error is answered.
namespace freshet::integration {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

using Words = std::vector<std::string>;

/// Looks again until it holds; a test that waits in vain is ended by its time limit.
void wait_for(const std::function<bool()>& holds) {
  while (!holds()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

const std::vector<Words> kVerbs{{"run"},
                                {"describe"},
                                {"validate"},
                                {"plan"},
                                {"submit"},
                                {"list"},
                                {"status"},
                                {"cancel"},
                                {"events"},
                                {"logs"},
                                {"state", "get"},
                                {"state", "scan"},
                                {"cluster", "start"},
                                {"cluster", "stop"},
                                {"cluster", "status"},
                                {"dead-letters", "list"},
                                {"dead-letters", "show"},
                                {"dead-letters", "replay"},
                                {"dead-letters", "drop"},
                                {"checkpoint", "create"},
                                {"checkpoint", "list"},
                                {"checkpoint", "show"},
                                {"checkpoint", "verify"},
                                {"savepoint", "create"},
                                {"savepoint", "list"},
                                {"savepoint", "verify"},
                                {"savepoint", "delete"},
                                {"job-manager"},
                                {"agent"},
                                {"version"},
                                {"help"}};

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string joined(const Words& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

TEST(CommandLine, EveryVerbHasHelpInThreeWays) {
  const Freshet freshet;
  const std::string overview = freshet.run({"help"}).out;
  for (const auto& verb : kVerbs) {
    EXPECT_THAT(overview, HasSubstr("  " + verb[0] + " ")) << joined(verb);
    const Answer asked = freshet.run(with({"help"}, verb));
    EXPECT_EQ(asked.exit_code, 0);
    EXPECT_THAT(asked.out, StartsWith("usage: freshet " + joined(verb)));
    for (const char* flag : {"-h", "--help"}) {
      const Answer answer = freshet.run(with(verb, {flag}));
      EXPECT_EQ(answer.exit_code, 0) << joined(verb);
      EXPECT_EQ(answer.out, asked.out) << joined(verb);
      EXPECT_EQ(answer.err, "") << joined(verb);
    }
  }
}

TEST(CommandLine, EveryVerbRefusesUnknownFlagsWithItsUsage) {
  const Freshet freshet;
  for (const auto& verb : kVerbs) {
    const Answer answer = freshet.run(with(verb, {"--hlep"}));
    EXPECT_EQ(answer.exit_code, 2) << joined(verb);
    EXPECT_EQ(answer.out, "") << joined(verb);
    EXPECT_THAT(answer.err, StartsWith("freshet " + joined(verb) + ": unknown flag --hlep. Did you mean --help?\n" +
                                       "usage: freshet " + joined(verb)));
  }
}

TEST(CommandLine, TypingErrorsAreAnsweredWithWhatWasMeant) {
  const Freshet freshet;
  const std::vector<std::pair<Words, std::string>> cases{
      {{}, "usage: freshet VERB …\n"},
      {{"submti", "lib.so"}, "freshet: unknown verb 'submti'. Did you mean submit?\n"},
      {{"cluster"}, "freshet cluster: which of start|stop|status?\n"},
      {{"cluster", "stpo"}, "freshet cluster: unknown sub-verb 'stpo'. Did you mean stop?\n"},
      {{"checkpoint", "lst"}, "freshet checkpoint: unknown sub-verb 'lst'. Did you mean list?\n"},
      {{"savepoint", "delete", "shop"}, "freshet savepoint delete: missing argument N\n"},
      {{"help", "lgos"}, "freshet help: no verb 'lgos'. Did you mean logs?\n"},
      {{"--json", "list"}, "freshet: flags belong to a verb and come after it: freshet VERB --json\n"},
      {{"list", "--jsno"}, "freshet list: unknown flag --jsno. Did you mean --json?\n"},
      {{"list", "shop"}, "freshet list: unexpected argument 'shop'\n"},
      {{"submit"}, "freshet submit: missing argument LIB\n"},
      {{"submit", "lib.so", "--param"}, "freshet submit: --param needs a value: KEY=VALUE\n"},
      {{"submit", "lib.so", "--param", "hot"}, "freshet submit: --param 'hot': expected KEY=VALUE\n"},
      {{"run", "lib.so", "--workers", "0"}, "freshet run: --workers '0': expected a whole number of at least 1\n"},
      {{"run", "lib.so", "--worker-memory", "2GiB"}, "freshet run: unknown flag --worker-memory."},
      {{"plan", "shop", "--format", "xml"}, "freshet plan: --format 'xml': expected one of text, dot, json\n"},
      {{"logs", "shop", "-n", "x"}, "freshet logs: --lines 'x': expected a whole number from 1 to 10000\n"},
      {{"logs", "shop", "-n0"}, "freshet logs: --lines '0': expected a whole number from 1 to 10000\n"},
      {{"status", "shop", "-x"}, "freshet status: unknown flag -x."},
      {{"list", "--manager", "a:b:c"}, "--manager 'a:b:c': expected HOST:PORT such as 127.0.0.1:7070\n"},
      {{"agent"}, "--manager is missing: the control address of the job manager"}};
  for (const auto& [words, text] : cases) {
    const Answer answer = freshet.run(words);
    EXPECT_EQ(answer.exit_code, 2) << joined(words);
    EXPECT_EQ(answer.out, "") << joined(words);
    EXPECT_THAT(answer.err, StartsWith(text));
  }
}

TEST(CommandLine, WithoutAJobManagerVerbsSayWhereItWasLookedFor) {
  Freshet freshet;
  freshet.environment["FRESHET_MANAGER"] = "127.0.0.1:1";
  const std::vector<Words> verbs{
      {"list"},         {"list", "--json"}, {"status", "shop"},    {"cancel", "shop"},
      {"logs", "shop"}, {"plan", "shop"},   {"cluster", "status"}, {"submit", FRESHET_PICKY}};
  for (const auto& words : verbs) {
    const Answer answer = freshet.run(words);
    EXPECT_EQ(answer.exit_code, 5) << joined(words);
    EXPECT_EQ(answer.out, "") << joined(words);
    EXPECT_THAT(answer.err, StartsWith("job manager 127.0.0.1:1 does not answer (address from FRESHET_MANAGER)"));
  }
  EXPECT_THAT(freshet.run({"list", "--manager", "127.0.0.1:2"}).err, StartsWith("job manager 127.0.0.1:2 does"));
  const Answer version = freshet.run({"version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, MatchesRegex("freshet [0-9.]+\njob manager 127.0.0.1:1   does not answer\n"));
  EXPECT_TRUE(json::parse(freshet.run({"version", "--json"}).out).at("manager").is_null());
  EXPECT_EQ(freshet.run({"list", "--show-request"}).out, "GET http://127.0.0.1:1/v1/jobs\n");
}

TEST(CommandLine, DescribeListsParametersAndPlanTheGraph) {
  const Freshet freshet;
  const Answer described = freshet.run({"describe", FRESHET_PICKY});
  EXPECT_EQ(described.exit_code, 0);
  EXPECT_THAT(described.out,
              AllOf(HasSubstr("\npicky   Counts up"), ContainsRegex("count +[a-z0-9]+ +1000 +numbers;")));
  const json body = json::parse(freshet.run({"describe", FRESHET_PICKY, "--json"}).out);
  EXPECT_EQ(body.at("version"), 1);
  EXPECT_EQ(body.at("jobs").at(0).at("parameters").size(), 4u);
  EXPECT_THAT(freshet.run({"plan", FRESHET_PICKY}).out, ContainsRegex("taste +map +1 +numbers"));
  EXPECT_THAT(freshet.run({"plan", FRESHET_PICKY, "--format", "dot"}).out, HasSubstr("\"numbers\" -> \"taste\""));
  EXPECT_EQ(json::parse(freshet.run({"plan", FRESHET_PICKY, "--json"}).out).at("plan").at("operators").size(), 3u);
  EXPECT_THAT(freshet.run({"validate", FRESHET_PICKY}).out, StartsWith("valid   3 operators, 2 edges    start it: "));
}

class RunVerb : public testing::Test {
 protected:
  Words words(const Words& more) const { return with({"run", FRESHET_PICKY, "--param", "output=" + output_}, more); }
  Freshet freshet_;
  const std::string output_ = freshet_.home() / "out";
};

TEST_F(RunVerb, SaysHowItWentAndLeavesNothingBehind) {
  const Answer answer = freshet_.run(words({"--param", "count=300"}));
  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  EXPECT_THAT(answer.out, ContainsRegex("FINISHED  300 events in [^\n]* s   dead letters 0   late 0   restarts 0\n$"));
  EXPECT_THAT(answer.out, Not(HasSubstr("\x1b"))) << "no terminal, no colour";
  EXPECT_THAT(answer.err, IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(freshet_.state_folder() + "/freshet")) << "only --keep keeps the data folder";
  EXPECT_EQ(freshet_.run(words({"--keep", "--quiet"})).out, "");
  EXPECT_FALSE(std::filesystem::is_empty(freshet_.state_folder() + "/freshet"));
  EXPECT_EQ(json::parse(freshet_.run(words({"--json"})).out).at("state"), "Finished");
}

TEST_F(RunVerb, AFailedJobEndsWithNineAndItsCause) {
  const Answer answer = freshet_.run(words({"--param", "bad=42"}));
  EXPECT_EQ(answer.exit_code, 9);
  EXPECT_THAT(answer.err, AllOf(StartsWith("picky FAILED: "), HasSubstr("taste"), HasSubstr("it tastes bad"),
                                HasSubstr("number 42"), HasSubstr("{\"value\":42}"), HasSubstr("\nlogs: ")));
}

TEST_F(RunVerb, CtrlCStopsItCleanly) {
  const pid_t child = freshet_.start(words({"--param", "count=0"}), "endless");
  wait_for([&] { return freshet_.out_so_far("endless").find("RUNNING") != std::string::npos; });
  EXPECT_THAT(processes_with(freshet_.state_folder()), Not(IsEmpty())) << "its worker";
  kill(child, SIGINT);
  const Answer answer = freshet_.wait(child, "endless");
  EXPECT_EQ(answer.exit_code, 130);
  EXPECT_THAT(answer.err, HasSubstr("stopping picky (again Ctrl-C: at once)"));
  EXPECT_THAT(answer.out, HasSubstr("CANCELLED"));
  EXPECT_THAT(processes_with(freshet_.state_folder()), IsEmpty());
}

class ClusterVerbs : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(cluster_.started().exit_code, 0) << cluster_.started().err; }
  Words submit(const std::string& name, const Words& more = {}) const {
    return with({"submit", FRESHET_PICKY, "--name", name, "--param", "output=" + freshet_.home() / name}, more);
  }
  json json_of(Words words) const {
    const Answer answer = freshet_.run(with(std::move(words), {"--json"}));
    EXPECT_EQ(answer.exit_code, 0) << answer.err;
    const json body = json::parse(answer.out);
    EXPECT_EQ(body.at("version"), 1);
    return body;
  }
  Freshet freshet_;
  RunningCluster cluster_{freshet_, 2};
};

TEST_F(ClusterVerbs, TheClusterSaysWhatItIsAndThatItRunsAlready) {
  EXPECT_THAT(
      cluster_.started().out,
      MatchesRegex("job manager +127.0.0.1:" + cluster_.port() + " \\(REST, loopback only\\) +pid [0-9]+ +[^\n]*\n" +
                   "agents +local-1: 8 slots +local-2: 8 slots +up in [0-9. ms]+ +stop: freshet cluster stop[^\n]*\n"));
  const Answer again =
      freshet_.run({"cluster", "start", "--agents", "2", "--port", cluster_.port(), "--data", cluster_.data()});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.out, StartsWith("already running\n"));
  EXPECT_THAT(
      freshet_.run({"cluster", "status"}).out,
      AllOf(HasSubstr("\nAGENT "), ContainsRegex("local-1 .* ready +0/8"), ContainsRegex("local-2 .* ready +0/8")));
  EXPECT_EQ(json_of({"cluster", "status"}).at("agents").size(), 2u);
  EXPECT_EQ(freshet_.run({"list"}).out, "no jobs        start one: freshet submit LIB\n");
  EXPECT_THAT(freshet_.run({"version"}).out,
              MatchesRegex("freshet ([0-9.]+)\njob manager 127.0.0.1:[0-9]+   [0-9.]+\n"));
  const Answer stopped = freshet_.run({"cluster", "stop", "--data", cluster_.data()});
  EXPECT_THAT(stopped.out, MatchesRegex("manager stopped   local-1 stopped   local-2 stopped\njobs go on from their "
                                        "newest checkpoints with: freshet cluster start\n"));
  EXPECT_EQ(freshet_.run({"cluster", "stop", "--data", cluster_.data()}).out, "not running\n");
  EXPECT_THAT(processes_with(cluster_.data()), IsEmpty());
}

TEST_F(ClusterVerbs, AJobsLifeFromSubmitToCancel) {
  const Answer submitted = freshet_.run(submit("shop", {"--param", "count=0"}));
  ASSERT_EQ(submitted.exit_code, 0) << submitted.err;
  EXPECT_THAT(submitted.out,
              MatchesRegex(
                  "validated   3 operators, 1 task, library sha256:[0-9a-f]{4}…, revision 1\n"
                  "placed      local-[12]: 1 task\n"
                  "Running     after [0-9. ms]+    watch: freshet status shop --watch    undo: freshet cancel shop\n"));
  const Answer taken = freshet_.run(submit("shop"));
  EXPECT_EQ(taken.exit_code, 3);
  EXPECT_THAT(taken.err, HasSubstr("name shop: is taken by job-1, which is Running (give another with --name"));

  EXPECT_THAT(freshet_.run({"list"}).out, AllOf(StartsWith("JOB "), ContainsRegex("\nshop +job-1 +RUNNING +OK ")));
  for (const char* name : {"shop", "job-1", "sho"})
    EXPECT_THAT(freshet_.run({"status", name}).out, StartsWith("shop  RUNNING  OK "));
  EXPECT_THAT(freshet_.run({"status", "shop", "--operators"}).out, ContainsRegex("\n +\\+ taste"));
  EXPECT_EQ(json_of({"status", "shop"}).at("state"), "Running");
  EXPECT_THAT(freshet_.run({"plan", "shop"}).out, HasSubstr("3 operators in 1 chain, 1 task,"));
  EXPECT_THAT(freshet_.run({"plan", "shop", "--format", "dot"}).out, StartsWith("digraph "));
  json_of({"plan", "shop"});
  const Answer late = freshet_.run({"status", "shop", "--wait", "--timeout", "50ms"});
  EXPECT_EQ(late.exit_code, 6);
  EXPECT_EQ(late.err, "shop is still Running and goes on. Follow: freshet status shop --watch\n");

  const Answer cancelled = freshet_.run({"cancel", "shop"});
  EXPECT_EQ(cancelled.exit_code, 0);
  EXPECT_THAT(cancelled.out,
              MatchesRegex("Cancelled   after [0-9. ms]+ .*undo: freshet submit LIB --name shop [^\n]*\n"));
  const Answer again = freshet_.run({"cancel", "shop"});
  EXPECT_EQ(again.exit_code, 7);
  EXPECT_EQ(again.err, "job shop is Cancelled already\n");
  EXPECT_THAT(cluster_.workers(), IsEmpty());
}

TEST_F(ClusterVerbs, AnUnknownJobIsNotFoundAndANearOneNamed) {
  freshet_.run(submit("shop", {"--wait"}));
  for (const Words& words :
       std::vector<Words>{{"status", "shpo"}, {"cancel", "shpo"}, {"logs", "shpo"}, {"plan", "shpo"}}) {
    const Answer answer = freshet_.run(words);
    EXPECT_EQ(answer.exit_code, 4) << joined(words);
    EXPECT_EQ(answer.out, "") << joined(words);
    EXPECT_EQ(answer.err, "there is no job shpo. Near: shop\n") << joined(words);
  }
}

TEST_F(ClusterVerbs, WaitingEndsAsTheJobDoes) {
  const Answer good = freshet_.run(submit("good", {"--wait"}));
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("\nFinished    after "));
  const Answer bad = freshet_.run(submit("bad", {"--wait", "--param", "bad=42"}));
  EXPECT_EQ(bad.exit_code, 9);
  EXPECT_THAT(bad.err,
              AllOf(StartsWith("bad Failed: "), HasSubstr("it tastes bad"), HasSubstr("Look: freshet status bad")));
  EXPECT_EQ(freshet_.run({"status", "bad", "--wait"}).exit_code, 9);
  EXPECT_EQ(freshet_.run({"status", "bad"}).exit_code, 0);
  EXPECT_EQ(freshet_.run(submit("quiet", {"--wait", "--quiet"})).out, "");
  const Answer detached = freshet_.run(submit("later", {"--detach"}));
  EXPECT_EQ(detached.exit_code, 0);
  EXPECT_THAT(detached.out, HasSubstr("watch: freshet status later --watch    undo: freshet cancel later\n"));
  EXPECT_EQ(freshet_.run({"status", "later", "--wait"}).exit_code, 0);
}

/// Each of the 20 tasks wants a slot; there are 16.
TEST_F(ClusterVerbs, TooFewSlotsMeansWaitingAndWhatToTryIsACommand) {
  const Answer answer = freshet_.run(submit("wide", {"--parallelism", "20", "--timeout", "200ms"}));
  EXPECT_EQ(answer.exit_code, 6);
  EXPECT_THAT(answer.err, HasSubstr("wide is submitted and still Scheduling: 4 of 20 tasks wait for a free slot"));
  const json status = json_of({"status", "wide"});
  const json& problem = status.at("problems").at(0);
  EXPECT_EQ(problem.at("kind"), "NO_SLOTS");
  for (const std::string command : problem.at("try")) {
    std::istringstream in(command);
    Words words;
    for (std::string word; in >> word;) words.push_back(word);
    ASSERT_EQ(words.at(0), "freshet");
    words.erase(words.begin());
    EXPECT_EQ(freshet_.run(words).exit_code, 0) << command;
  }
}

TEST_F(ClusterVerbs, LogsFollowAJobThatRuns) {
  freshet_.run(submit("shop", {"--param", "count=0", "--param", "bad=5", "--param", "aside=true"}));
  const pid_t child = freshet_.start({"logs", "shop", "-f", "-n", "50", "--interval", "100ms"}, "logs");
  wait_for([&] { return freshet_.out_so_far("logs").find("dead letter") != std::string::npos; });
  EXPECT_THAT(freshet_.out_so_far("logs"), HasSubstr("running 1 task")) << "info, while the worker lives";
  kill(child, SIGINT);
  EXPECT_EQ(freshet_.wait(child, "logs").exit_code, 130);
  EXPECT_THAT(freshet_.run({"logs", "shop", "-n1", "--level", "warn"}).out,
              MatchesRegex("[0-9:.]+ w0 a1 warn [^\n]*it tastes bad[^\n]*\n"));
  EXPECT_EQ(json_of({"logs", "shop", "-n", "1"}).at("lines").size(), 1u);
  EXPECT_EQ(freshet_.run({"logs", "shop", "--grep", "no such words"}).out, "");
}

TEST_F(ClusterVerbs, WatchingWithoutATerminalPrintsALineForEachChange) {
  freshet_.run(submit("shop", {"--param", "count=0"}));
  const pid_t child = freshet_.start({"status", "shop", "--watch", "--interval", "100ms"}, "watch");
  wait_for([&] { return !freshet_.out_so_far("watch").empty(); });
  freshet_.run({"cancel", "shop"});
  const Answer answer = freshet_.wait(child, "watch");
  EXPECT_EQ(answer.exit_code, 0);
  EXPECT_THAT(answer.out,
              MatchesRegex("(shop  RUNNING  OK [^\n]*\n)(shop  CANCELLING [^\n]*\n)?(shop  CANCELLED [^\n]*\n)"));
  EXPECT_THAT(answer.out, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace freshet::integration

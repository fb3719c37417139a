#include <gmock/gmock.h>
#include <signal.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <thread>

#include "tests/integration/command.h"
#include "tests/integration/process_table.h"

/// `freshet run --in-process`: the same job and the same answers, with nothing outside one process.
namespace freshet::integration {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

class InProcess : public testing::Test {
 protected:
  std::vector<std::string> words(std::vector<std::string> more) const {
    std::vector<std::string> all{"run", "--in-process", FRESHET_PICKY, "--param", "output=" + output_};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string numbers(int count) const {
    std::string text = "value\n";
    for (int i = 1; i <= count; ++i) text += std::to_string(i) + "\n";
    return text;
  }
  Freshet freshet_;
  const std::string output_ = freshet_.home() / "out";
};

TEST_F(InProcess, GivesTheResultOfARunWithWorkers) {
  const Answer alone = freshet_.run(words({"--param", "count=700"}));
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  EXPECT_THAT(alone.out, MatchesRegex("picky  RUNNING   in process [0-9]+, 1 task\n"
                                      "FINISHED  700 events in [^\n]* s   dead letters 0\n"));
  EXPECT_EQ(content_of(output_ + "/part-00000.csv"), numbers(700));
  EXPECT_FALSE(std::filesystem::exists(freshet_.state_folder())) << "it needs no data folder";

  const Answer workers =
      freshet_.run({"run", FRESHET_PICKY, "--param", "count=700", "--param", "output=" + output_ + "2"});
  ASSERT_EQ(workers.exit_code, 0) << workers.err;
  EXPECT_EQ(part_of(output_ + "2", 0), numbers(700));
}

TEST_F(InProcess, AFailureNamesOperatorOriginAndRecord) {
  const Answer answer = freshet_.run(words({"--param", "bad=42"}));
  EXPECT_EQ(answer.exit_code, 9);
  EXPECT_EQ(answer.err,
            "picky FAILED: operator taste: exception std::domain_error: it tastes bad; at number 42; record "
            "{\"value\":42}\n");
  EXPECT_FALSE(std::filesystem::exists(output_ + "/part-00000.csv"))
      << "what failed leaves nothing that looks finished";
}

TEST_F(InProcess, ShowsWhatWasSetAside) {
  const Answer answer = freshet_.run(words({"--param", "bad=42", "--param", "aside=true"}));
  EXPECT_EQ(answer.exit_code, 0);
  EXPECT_THAT(answer.out,
              AllOf(HasSubstr("dead letters 1\n"),
                    HasSubstr("  dead letter  taste: exception std::domain_error: it tastes bad   number 42")));
}

TEST_F(InProcess, AnswersInJson) {
  const Answer answer = freshet_.run(words({"--json", "--name", "mine"}));
  EXPECT_EQ(answer.exit_code, 0);
  const json body = json::parse(answer.out);
  EXPECT_EQ(body,
            json({{"version", 1}, {"name", "mine"}, {"state", "Finished"}, {"records_in", 1000}, {"dead_letters", 0}}));
}

TEST_F(InProcess, IsOneProcessThatCtrlCEnds) {
  const pid_t child = freshet_.start(words({"--param", "count=0"}), "endless");
  while (freshet_.out_so_far("endless").find("RUNNING") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_THAT(freshet_.out_so_far("endless"), HasSubstr("in process " + std::to_string(child) + ","));
  EXPECT_THAT(processes_with(output_), testing::SizeIs(1));
  kill(child, SIGINT);
  const Answer answer = freshet_.wait(child, "endless");
  EXPECT_EQ(answer.exit_code, 130);
  EXPECT_THAT(answer.out, HasSubstr("\nCANCELLED  "));
  EXPECT_THAT(processes_with(output_), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(output_ + "/part-00000.csv"));
}

}  // namespace
}  // namespace freshet::integration

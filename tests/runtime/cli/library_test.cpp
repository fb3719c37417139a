#include "runtime/cli/library.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support.h"

namespace freshet::cli {
namespace {

using nlohmann::json;

class Libraries : public testing::Test {
 protected:
  Libraries() {
    fake_.use_real_time();
    fake_.variables["FRESHET_MANAGER"] = manager_.address();
  }
  test::TemporaryFolder folder_;
  test::FakeManager manager_;
  test::FakeSurroundings fake_;
};

TEST_F(Libraries, DescribeListsParametersAndHidesSecrets) {
  const std::string library = folder_.touch("good.so");
  ASSERT_EQ(fake_.run("describe " + library), ExitCode::kDone) << fake_.err.str();
  EXPECT_EQ(fake_.out.str(), library +
                                 "   abi test\n\nshop   counts\n"
                                 "  PARAMETER  TYPE  DEFAULT   HELP\n"
                                 "  input      text  required  files\n"
                                 "  token      text  ****\n");
  ASSERT_EQ(fake_.run("describe --json " + library), ExitCode::kDone);
  EXPECT_EQ(json::parse(fake_.out.str()).at("version"), 1);
}

TEST_F(Libraries, ValidateListsAllErrorsAtOnce) {
  const std::string library = folder_.touch("good.so");
  ASSERT_EQ(fake_.run("validate " + library), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(), "valid   3 operators, 1 edges    start it: freshet submit " + library + "\n");
  ASSERT_EQ(fake_.run("validate " + library + " --param hto=1 --param hto=2"), ExitCode::kRefused);
  EXPECT_EQ(fake_.err.str(),
            "refused: 2 errors, nothing was started\n"
            "  parameter hto: unknown. Did you mean hot? (freshet describe libshop.so)\n"
            "  parameter hto: unknown. Did you mean hot? (freshet describe libshop.so)\n");
}

TEST_F(Libraries, ValidateAgainstAJobSaysWhatCanTakeOverItsState) {
  const std::string library = folder_.touch("good.so");
  manager_.answer("GET /v1/jobs/shop/revisions", 200,
                  R"({"revisions":[{"revision":12,"parameters":[{"name":"input","value":"a"}]}]})");
  manager_.answer("POST /v1/jobs/shop/compare", 202, R"({"operation":"compare-1.1","state":"open"})");
  manager_.answer("GET /v1/jobs/shop/operations/compare-1.1", 200, R"({"operation":"compare-1.1","state":"open"})");
  json done = json::parse(R"json({"operation":"compare-1.1","state":"done","checkpoint":1771,"revision":12,"operators":[
    {"id":"events","fate":"unchanged"}, {"id":"dedupe","fate":"unchanged"}, {"id":"refunds","fate":"fresh"},
    {"id":"totals","fate":"changed","notes":["state: + refunds (new)","seen: new"]}, {"id":"pages","fate":"gone"},
    {"id":"old","fate":"dropped","entries":7,"bytes":700},
    {"id":"sessions","fate":"error","entries":310000,"bytes":42991616,
     "problems":[{"where":"operator sessions","message":"state state: field spent: f64 to string",
                  "remedy":"Keep the type, or: --drop-state sessions"}]}]})json");
  manager_.answer("GET /v1/jobs/shop/operations/compare-1.1", 200, done);
  EXPECT_EQ(fake_.run("validate " + library + " --against shop@1771 --drop-state old"), ExitCode::kRefused)
      << fake_.err.str();
  test::expect_golden("validate_against.txt", fake_.out.str());
  EXPECT_EQ(json::parse(manager_.seen()[1].body),
            json::parse(R"({"graph_base64":"Z3JhcGg=","checkpoint":1771,"drop_state":["old"]})"));
  done["operators"].erase(6);
  manager_.answer("GET /v1/jobs/shop/operations/compare-1.1", 200, done);
  EXPECT_EQ(fake_.run("validate " + library + " --against shop"), ExitCode::kRefused) << "as it was before";
  EXPECT_EQ(fake_.run("validate " + library + " --against shop"), ExitCode::kDone);
  EXPECT_TRUE(fake_.out.str().ends_with("\nupgrade: freshet upgrade shop " + library + "\n")) << fake_.out.str();
  EXPECT_EQ(fake_.run("validate " + library + " --against shop@x"), ExitCode::kUsage);
}

TEST_F(Libraries, WhatCannotBeComparedSaysWhy) {
  const std::string library = folder_.touch("good.so");
  manager_.answer("GET /v1/jobs/shop/revisions", 200, R"({"revisions":[]})");
  manager_.answer("POST /v1/jobs/shop/compare", 202,
                  R"({"operation":"compare-1.1","state":"failed","why":"it has no complete checkpoint"})");
  manager_.answer("GET /v1/jobs/shop/operations/compare-1.1", 200,
                  R"({"operation":"compare-1.1","state":"failed","why":"it has no complete checkpoint"})");
  EXPECT_EQ(fake_.run("validate " + library + " --against shop"), ExitCode::kFailed);
  EXPECT_EQ(fake_.err.str(), "not compared: it has no complete checkpoint\n");
}

TEST_F(Libraries, PlanShowsTheGraph) {
  const std::string library = folder_.touch("good.so");
  ASSERT_EQ(fake_.run("plan " + library), ExitCode::kDone);
  EXPECT_EQ(fake_.out.str(),
            "OPERATOR  KIND     TASKS  INPUT\n"
            "events    source       4  -\n"
            "dedupe    process      4  events (fields user)\n"
            "file      csv          4  -\n"
            "\n"
            "SINK  GUARANTEE\n"
            "file  at-least-once\n");
  ASSERT_EQ(fake_.run("plan --format dot " + library), ExitCode::kDone);
  EXPECT_NE(fake_.out.str().find("\"events\" -> \"dedupe\" [label=\"fields user\"];"), std::string::npos);
}

TEST_F(Libraries, TellsTheWaysOfFailingApart) {
  const std::pair<const char*, const char*> cases[] = {
      {"crash.so", "loading it crashed with SIGSEGV"},
      {"garbage.so", "its description is not the JSON that was expected"},
      {"silent.so", "loading it ended without a description"},
      {"missing_symbol.so", "cannot be loaded (exit code 1)\n  | undefined symbol: frobnicate"}};
  for (const auto& [name, expected] : cases) {
    EXPECT_EQ(fake_.run("describe " + folder_.touch(name)), ExitCode::kRefused) << name;
    EXPECT_NE(fake_.err.str().find(expected), std::string::npos) << fake_.err.str();
  }
  EXPECT_EQ(fake_.run("describe --load-timeout 50ms " + folder_.touch("hang.so")), ExitCode::kRefused);
  EXPECT_NE(fake_.err.str().find("took longer than 0.1 s and was stopped"), std::string::npos) << fake_.err.str();
  EXPECT_EQ(fake_.run("describe /nonexistent/lib.so"), ExitCode::kNotFound);
}

TEST_F(Libraries, ShowsWhatACrashingLibraryWrote) {
  fake_.run("describe " + folder_.touch("crash.so"));
  EXPECT_TRUE(fake_.err.str().ends_with("\n  | about to follow a null pointer\n")) << fake_.err.str();
}

TEST_F(Libraries, SubmitSendsLibraryAndJobAndWaitsUntilItRuns) {
  const std::string library = folder_.touch("good.so");
  std::ofstream(library) << "abc";
  const std::string sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  manager_.answer("PUT /v1/libraries/" + sha256, 201, "{}");
  manager_.answer("POST /v1/jobs", 201,
                  R"({"id":"j-1","name":"shop2","revision":1,"tasks":16,"operators":16,"state":"Deploying",
    "placed":[{"agent":"local-1","tasks":8},{"agent":"local-2","tasks":8}]})");
  manager_.answer("GET /v1/jobs/j-1", 200, R"({"state":"Deploying","name":"shop2"})");
  manager_.answer("GET /v1/jobs/j-1", 200, R"({"state":"Running","name":"shop2"})");
  const std::string catalog = folder_.touch("catalog.csv");
  ASSERT_EQ(fake_.run_words({"submit", library, "--name", "shop2", "--param", "input=a=b c", "--parallelism", "4",
                             "--file", "catalog=" + catalog, "--workers", "2", "--crashes-per-record", "5"}),
            ExitCode::kDone)
      << fake_.err.str();
  EXPECT_TRUE(
      fake_.out.str().starts_with("validated   16 operators, 16 tasks, library sha256:ba78…, revision 1\n"
                                  "placed      local-1: 8 tasks   local-2: 8 tasks\n"
                                  "Running     after "))
      << fake_.out.str();
  EXPECT_TRUE(fake_.out.str().ends_with("    watch: freshet status shop2 --watch    undo: freshet cancel shop2\n"));
  const auto seen = manager_.seen();
  ASSERT_EQ(seen.size(), 5u);
  EXPECT_EQ(seen[0].request, "HEAD /v1/libraries/" + sha256);
  EXPECT_EQ(seen[1].body, "abc");
  EXPECT_EQ(json::parse(seen[2].body),
            json::parse(R"({"name":"shop2","job":"shop","graph_base64":"Z3JhcGg=",
    "library":{"name":"good.so","sha256":")" +
                        sha256 + R"("},"parameters":{"input":"a=b c"},"files":{"catalog":")" + catalog +
                        R"("},"directory":")" + std::filesystem::current_path().string() +
                        R"(","options":{"parallelism":4,"workers":2,"crashes_per_record":5}})"));
}

TEST_F(Libraries, SubmitDoesNotSendALibraryThatIsThere) {
  const std::string library = folder_.touch("good.so");
  const std::string sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  manager_.answer("HEAD /v1/libraries/" + sha256, 200, "");
  manager_.answer("POST /v1/jobs", 201, R"({"id":"j-1","name":"shop","state":"Deploying"})");
  manager_.answer("GET /v1/jobs/j-1", 200, R"({"state":"Failed","name":"shop","reason":"no such topic"})");
  EXPECT_EQ(fake_.run("submit --wait " + library), ExitCode::kJobFailed);
  EXPECT_EQ(fake_.err.str(), "shop Failed: no such topic. Look: freshet status shop\n");
  EXPECT_EQ(fake_.run("submit --detach " + library), ExitCode::kDone);
  for (const auto& seen : manager_.seen()) EXPECT_FALSE(seen.request.starts_with("PUT")) << seen.request;
}

TEST_F(Libraries, SubmitChangesNothingWhenItRefusesOrOnlyShows) {
  const std::string library = folder_.touch("good.so");
  EXPECT_EQ(fake_.run("submit " + library + " --param hto=1"), ExitCode::kRefused);
  EXPECT_EQ(fake_.run("submit " + library + " --param a=1 --param a=2"), ExitCode::kUsage);
  EXPECT_EQ(fake_.run("submit " + library + " --file catalog=/nonexistent"), ExitCode::kNotFound);
  EXPECT_EQ(fake_.run("submit " + library + " --dry-run"), ExitCode::kDone);
  EXPECT_NE(fake_.out.str().find("nothing was started"), std::string::npos);
  EXPECT_EQ(fake_.run("submit " + library + " --show-request"), ExitCode::kDone);
  EXPECT_NE(fake_.out.str().find("POST http://" + manager_.address() + "/v1/jobs\n{"), std::string::npos)
      << fake_.out.str();
  EXPECT_TRUE(manager_.seen().empty());
}

TEST_F(Libraries, AreRefusedOverTheirSizeLimitWithoutBeingRead) {
  const std::string library = folder_.touch("large.so");
  std::filesystem::resize_file(library, kMaxLibraryBytes + 1);  // a hole: takes no disk
  const auto file = read_library(library);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.failure().code, ExitCode::kRefused);
  EXPECT_NE(file.failure().message.find("more than the 512 MiB that a library may have"), std::string::npos)
      << file.failure().message;
}

TEST(UnderstandInspection, NamesTheSizeLimit) {
  const ChildOutput child{ChildOutput::End::kTooMuchOutput, 0, "", ""};
  const auto result = understand_inspection(child, ChildLimits{}, "lib.so");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.failure().message, "lib.so: its description is larger than 16 MiB and was refused");
}

}  // namespace
}  // namespace freshet::cli

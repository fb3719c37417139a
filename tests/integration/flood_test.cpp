// A log whose format changes: half of its lines become no record. The source pauses instead of pouring the stream away,
// and status says why and how to go on.

#include <gmock/gmock.h>

#include "tests/integration/eventually.h"
#include "tests/integration/test_cluster.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

using files::testing::TestDirectory;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kGood = 2'000, kMixed = 20'000;

/// Lines as a web server writes them; from `kGood` on, every other one in the new format.
std::string access_log() {
  std::string text;
  for (int line = 0; line < kGood + kMixed; ++line) {
    const std::string second = std::to_string(line % 60);
    const std::string time = "01/Mar/2026:09:00:" + std::string(second.size() == 1 ? "0" : "") + second + " +0000";
    if (line < kGood || line % 2 == 0)
      text += "203.0.113." + std::to_string(line % 200) + " - - [" + time + "] \"GET / HTTP/1.1\" 200 512\n";
    else
      text += "{\"host\":\"203.0.113.7\",\"status\":200}\n";
  }
  return text;
}

TEST(Flood, ALogWhoseFormatChangesPausesTheSourceAndSaysHowToGoOn) {
  const TestDirectory directory;
  const TestCluster cluster(directory.path("cluster"), 1);
  auto arguments = parameters(
      {"input=" + directory.write("access.log", access_log()), "input.rate=2000", "output=" + directory.path("out")});
  arguments.insert(arguments.end(), {"--name", "web", "--checkpoint-interval", "200ms"});
  ASSERT_EQ(cluster.submit(FRESHET_LOG_MONITOR, "log_monitor", arguments).exit_code, 0);
  const auto job = [&] { return cluster.view().job("web"); };
  ASSERT_TRUE(eventually(kPatience, [&] { return job()["state"] == "Paused"; })) << job();
  EXPECT_EQ(job()["attempt"], 1) << "nothing failed";
  EXPECT_LT(job()["records_in"], kGood + kMixed) << "it was not poured away";

  const json problem = job()["problems"].at(0);
  EXPECT_EQ(problem["kind"], "DEAD_LETTER_FLOOD");
  EXPECT_THAT(problem["what"].get<std::string>(), AllOf(HasSubstr(" % of the records of "), HasSubstr(": ")));
  EXPECT_THAT(problem["effect"].get<std::string>(), AllOf(HasSubstr("PAUSED at "), HasSubstr("access.log, line ")));
  const auto status = cluster.verb({"status", "web"});
  EXPECT_THAT(status.output,
              AllOf(HasSubstr("PAUSED"), HasSubstr("DEAD_LETTER_FLOOD"), HasSubstr("it does not begin like"),
                    HasSubstr("freshet logs web"), HasSubstr("freshet resume web")));

  // Whoever lets it go on as it is sees it pause again.
  const auto letters = job()["dead_letters"].get<std::uint64_t>();
  const auto resumed = cluster.verb({"resume", "web"});  // who asks at once sees it Running
  if (resumed.exit_code != 0) {
    EXPECT_THAT(resumed.output, HasSubstr("it paused again at once: "));
  }
  ASSERT_TRUE(eventually(kPatience, [&] { return job()["state"] == "Paused" && job()["dead_letters"] > letters; }))
      << job();
  EXPECT_LT(job()["records_in"], kGood + kMixed);
  EXPECT_EQ(cluster.verb({"cancel", "web"}).exit_code, 0);
}

}  // namespace
}  // namespace freshet::integration

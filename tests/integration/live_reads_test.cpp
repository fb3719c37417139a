// State of a job that runs, read over HTTP from an agent, whoever is killed meanwhile.

#include <gtest/gtest.h>
#include <httplib.h>
#include <signal.h>

#include "tests/integration/eventually.h"
#include "tests/integration/test_cluster.h"
#include "tests/operators/connectors/test_files.h"

namespace freshet::integration {
namespace {

using files::testing::TestDirectory;
using nlohmann::json;

constexpr std::uint64_t kCount = 20'000, kUsers = 50;

struct Read {
  int status = 0;
  json body{};
  std::string code() const { return body.contains("error") ? body["error"]["code"].get<std::string>() : ""; }
};

class LiveReads : public ::testing::Test {
 protected:
  /// An agent closes a connection over which too much comes while it is being sent.
  LiveReads() { std::signal(SIGPIPE, SIG_IGN); }
  void start(int agents, const std::vector<std::string>& flags = {}) {
    cluster_ = std::make_unique<TestCluster>(directory_.path("cluster"), agents, flags);
    const json cluster = cluster_->view().cluster();
    for (const auto& agent : cluster["agents"]) agents_.push_back(agent["reads"].get<std::string>());
    auto arguments = parameters(
        {"count=" + std::to_string(kCount), "users=" + std::to_string(kUsers), "output=" + directory_.path("out")});
    arguments.insert(arguments.end(), {"--name", "baskets", "--parallelism", "4", "--checkpoint-interval", "200ms"});
    const auto submitted = cluster_->submit(FRESHET_BASKETS, "baskets", arguments);
    ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
    for (std::uint64_t number = 0; number < kCount; ++number) {
      const std::string user = "user " + std::to_string(number % kUsers);
      ++purchases_[user];
      sums_[user] += number;
      ++items_[user][number % 13];
    }
  }

  Read get(const std::string& path, const std::string& caller = "test", std::size_t agent = 0) const {
    httplib::Client client("http://" + agents_.at(agent));
    const auto answer = client.Get(path, httplib::Headers{{"X-Freshet-Caller", caller}});
    if (!answer) return {};
    return {answer->status, json::parse(answer->body, nullptr, false)};
  }
  Read get_state(const std::string& state, const std::string& user, std::size_t agent = 0) const {
    return get("/v1/jobs/baskets/state/" + state + "/user%20" + user.substr(user.find(' ') + 1), "test", agent);
  }
  /// All keys are what was put in, as every agent tells.
  bool is_exact() const {
    for (std::size_t agent = 0; agent < agents_.size(); ++agent) {
      for (const auto& [user, purchases] : purchases_) {
        const Read spent = get_state("spent", user, agent);
        if (spent.status != 200 || spent.body["entries"].size() != 1) return false;
        if (spent.body["entries"][0]["value"] != json{{"purchases", purchases}, {"sum", sums_.at(user)}}) return false;
      }
    }
    return true;
  }

  TestDirectory directory_;
  std::unique_ptr<TestCluster> cluster_;
  std::vector<std::string> agents_;
  std::map<std::string, std::uint64_t> purchases_, sums_;
  std::map<std::string, std::map<std::uint64_t, std::uint64_t>> items_;
};

TEST_F(LiveReads, EveryKeyIsWhatWasPutInWhoeverDies) {
  ASSERT_NO_FATAL_FAILURE(start(2));
  ASSERT_TRUE(eventually(kPatience, [&] { return is_exact(); })) << get_state("spent", "user 7").body;

  for (const auto& [user, items] : items_) {
    const Read basket = get_state("basket.items", user);
    ASSERT_EQ(basket.status, 200) << basket.body;
    std::map<std::uint64_t, std::uint64_t> found;
    for (const auto& entry : basket.body["entries"]) found[entry["map_key"]] = entry["value"];
    EXPECT_EQ(found, items) << user;
    const Read last = get_state("last", user);
    ASSERT_EQ(last.status, 200) << last.body;
    EXPECT_EQ(last.body["entries"].size(), 3u);
  }

  kill(cluster_->manager_pid(), SIGKILL);
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster_->view().cluster().empty(); }));
  EXPECT_TRUE(is_exact()) << "reads need no job manager";
  const auto shown = run_freshet({"state", "get", "baskets", "spent", "user 7", "--live", "--json", "--manager",
                                  cluster_->view().address(), "--data", cluster_->data()});
  EXPECT_EQ(shown.exit_code, 0) << shown.output;
  const json live = json::parse(shown.output, nullptr, false);
  ASSERT_TRUE(live.is_object() && live["entries"].size() == 1) << shown.output;
  EXPECT_EQ(live["entries"][0]["value"], (json{{"purchases", purchases_["user 7"]}, {"sum", sums_["user 7"]}}));

  const auto started = cluster_->start_again();
  ASSERT_EQ(started.exit_code, 0) << started.output;
  EXPECT_TRUE(is_exact()) << "nor do they mind that there is one again";
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster_->view().state_of("baskets") == "Running"; }));
  ASSERT_TRUE(eventually(kPatience, [&] { return !cluster_->view().worker_pids("baskets").empty(); }));
  const Read before = get_state("spent", "user 7");
  kill(cluster_->view().worker_pids("baskets").at(0), SIGKILL);
  ASSERT_TRUE(eventually(kPatience, [&] {
    const Read now = get_state("spent", "user 7");
    EXPECT_TRUE(now.status == 200 || now.status == 503) << now.status << " " << now.body;
    return HasFailure() || (now.status == 200 && now.body["attempt"] > before.body["attempt"]);
  }));
  EXPECT_TRUE(eventually(kPatience, [&] { return is_exact(); })) << get_state("spent", "user 7").body;
}

TEST_F(LiveReads, ListsCommittedStateMsgpackAndWhatIsNotThere) {
  ASSERT_NO_FATAL_FAILURE(start(1));
  ASSERT_TRUE(eventually(kPatience, [&] { return is_exact(); })) << get_state("spent", "user 7").body;
  httplib::Client client("http://" + agents_[0]);
  const std::string spent = "/v1/jobs/baskets/state/spent";

  json keys = json::array({"nobody"});
  for (const auto& [user, purchases] : purchases_) keys.push_back(user);
  const auto posted = client.Post(spent, json{{"keys", keys}}.dump(), "application/json");
  ASSERT_TRUE(posted);
  ASSERT_EQ(posted->status, 200) << posted->body;
  const json list = json::parse(posted->body)["keys"];
  ASSERT_EQ(list.size(), keys.size());
  EXPECT_EQ(list[0], (json{{"key", "nobody"}, {"found", false}}));
  for (std::size_t i = 1; i < keys.size(); ++i) {
    EXPECT_EQ(list[i]["key"], keys[i]);
    EXPECT_EQ(list[i]["entries"][0]["value"]["purchases"], purchases_[keys[i].get<std::string>()]) << list[i];
  }

  const auto packed = client.Get(spent + "/user%207", httplib::Headers{{"Accept", "application/msgpack"}});
  ASSERT_TRUE(packed);
  EXPECT_EQ(json::from_msgpack(packed->body)["entries"][0]["value"]["sum"], sums_["user 7"]);

  Read committed;
  ASSERT_TRUE(eventually(kPatience, [&] {
    committed = get(spent + "/user%207?consistency=committed");
    return committed.status == 200 && committed.body["entries"][0]["value"]["purchases"] == purchases_["user 7"];
  })) << committed.body;
  EXPECT_EQ(committed.body["consistency"], "committed");
  EXPECT_GE(committed.body["checkpoint"], 1);
  EXPECT_EQ(committed.body["attempt"], 1);
  // A worker hears of a checkpoint when it is complete.
  EXPECT_TRUE(eventually(kPatience, [&] { return get_state("spent", "user 7").body["checkpoint"] >= 1; }));

  EXPECT_EQ(get("/v1/jobs/nothing/state/spent/x").code(), "no_such_job");
  EXPECT_EQ(get("/v1/jobs/baskets/state/spnt/x").code(), "no_such_operator");
  EXPECT_EQ(get("/v1/jobs/baskets/state/spent.x/x").code(), "no_such_state");
  EXPECT_EQ(get(spent + "/nobody").code(), "no_such_key");
  EXPECT_EQ(get(spent + "/nobody").status, 404);
  EXPECT_EQ(get("/v1/jobs/baskets/state/basket.newest/user%207").status, 403);
  EXPECT_EQ(get("/v1/jobs/baskets/state/basket.items/user%207?from=x").status, 400);
  for (const std::string body : {"", "{", "[]", "{\"keys\":{}}", "{\"keys\":[\"\xff\"]}"}) {
    const auto refused = client.Post(spent, body, "application/json");
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 400) << body;
  }
  (void)client.Get("/" + std::string(100'000, 'x'));
  (void)client.Post(spent, std::string(4 << 20, '['), "application/json");
  EXPECT_EQ(get_state("spent", "user 7").status, 200) << "none of this has done harm";
}

TEST_F(LiveReads, AGreedyCallerIsCutAndAnotherIsServed) {
  ASSERT_NO_FATAL_FAILURE(start(1, {"--reads-per-second", "20"}));
  ASSERT_TRUE(eventually(kPatience, [&] { return get_state("spent", "user 7").status == 200; }));
  const std::string path = "/v1/jobs/baskets/state/spent/user%207";
  Read cut;
  for (int asked = 0; asked < 100'000 && cut.status != 429; ++asked) cut = get(path, "greedy");
  EXPECT_EQ(cut.code(), "rate_limited");
  EXPECT_EQ(get(path, "modest").status, 200);
}

}  // namespace
}  // namespace freshet::integration

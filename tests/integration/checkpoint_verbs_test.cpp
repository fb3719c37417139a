#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>

#include "tests/integration/command.h"

/// Checkpoints from the command line, with a real cluster and real files.
namespace freshet::integration {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::MatchesRegex;

using Words = std::vector<std::string>;

class CheckpointVerbs : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cluster_.started().exit_code, 0) << cluster_.started().err;
    // Regular ones are far apart: what there is was asked for.
    const Answer submitted =
        freshet_.run({"submit", FRESHET_PICKY, "--name", "shop", "--param", "output=" + freshet_.home() / "shop",
                      "--param", "count=0", "--checkpoint-interval", "1h"});
    ASSERT_EQ(submitted.exit_code, 0) << submitted.err;
  }
  json json_of(Words words) const {
    words.push_back("--json");
    const Answer answer = freshet_.run(words);
    EXPECT_EQ(answer.exit_code, 0) << answer.err;
    return json::parse(answer.out);
  }
  fs::path storage() const { return fs::path(cluster_.data()) / "manager" / "checkpoints"; }
  static void flip_a_byte(const fs::path& file) {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(fs::file_size(file) / 2);
    bytes.seekg(middle);
    const char flipped = static_cast<char>(bytes.get() ^ 1);
    bytes.seekp(middle);
    bytes.put(flipped);
    ASSERT_TRUE(bytes.good()) << file;
  }

  Freshet freshet_;
  RunningCluster cluster_{freshet_, 1};
};

TEST_F(CheckpointVerbs, ACheckpointIsMadeListedShownAndVerifiedAndADamageIsFound) {
  const Answer made = freshet_.run({"checkpoint", "create", "shop"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.out,
              MatchesRegex("checkpoint 1   [0-9. ms]+, [0-9.]+ [KM]?i?B    see: freshet checkpoint show shop 1\n"));
  EXPECT_THAT(freshet_.run({"checkpoint", "list", "shop"}).out,
              ContainsRegex("\n1 +checkpoint +done +[0-9:]+ .* 1/1 .* restore point"));
  EXPECT_THAT(freshet_.run({"status", "shop"}).out, ContainsRegex("\ncheckpoint 1  [^\n]* ago, "));
  EXPECT_EQ(json_of({"status", "shop"}).at("last_checkpoint").at("number"), 1);
  const json shown = json_of({"checkpoint", "show", "shop", "1"});
  ASSERT_EQ(shown.at("snapshots").size(), 1u);
  EXPECT_THAT(freshet_.run({"checkpoint", "show", "shop", "1"}).out,
              AllOf(ContainsRegex("^checkpoint 1  DONE "), ContainsRegex("\nbarrier +numbers\\+2 1/1\n")));
  const Answer sound = freshet_.run({"checkpoint", "verify", "shop"});
  EXPECT_EQ(sound.exit_code, 0) << sound.out << sound.err;
  EXPECT_THAT(sound.out, ContainsRegex("^checkpoint 1 is sound   1 files, "));

  const std::string file = shown.at("snapshots").at(0).at("file");
  flip_a_byte(storage() / file);
  const Answer damaged = freshet_.run({"checkpoint", "verify", "shop", "1"});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_THAT(damaged.out,
              AllOf(ContainsRegex("^checkpoint 1 is damaged: 1 damage "), HasSubstr("\n  " + file + "   ")));
  EXPECT_EQ(freshet_.run({"checkpoint", "verify", "shop", "9"}).exit_code, 4);
  EXPECT_EQ(freshet_.run({"checkpoint", "show", "shop", "9"}).exit_code, 4);
}

TEST_F(CheckpointVerbs, ASavepointStaysUntilItIsDeleted) {
  ASSERT_EQ(freshet_.run({"savepoint", "create", "shop"}).exit_code, 0);
  const std::string file = json_of({"checkpoint", "show", "shop", "1"}).at("snapshots").at(0).at("file");
  const Answer needed = freshet_.run({"savepoint", "delete", "shop", "1", "--yes"});
  EXPECT_EQ(needed.exit_code, 7);
  EXPECT_THAT(needed.err, HasSubstr("job shop would go on from savepoint 1 after a failure"));
  ASSERT_EQ(freshet_.run({"checkpoint", "create", "shop"}).exit_code, 0);
  EXPECT_EQ(freshet_.run({"savepoint", "delete", "shop", "1"}).exit_code, 2) << "there is no terminal to ask on";
  EXPECT_TRUE(fs::exists(storage() / file));
  EXPECT_EQ(freshet_.run({"savepoint", "verify", "shop", "1"}).exit_code, 0);
  const Answer deleted = freshet_.run({"savepoint", "delete", "shop", "1", "--yes"});
  EXPECT_EQ(deleted.exit_code, 0) << deleted.err;
  EXPECT_EQ(deleted.out, "savepoint 1 deleted   0 files, 0 B   1 files stay: other checkpoints need them\n");
  EXPECT_TRUE(fs::exists(storage() / file)) << "checkpoint 2 builds on it";
  EXPECT_EQ(json_of({"savepoint", "list", "shop"}).at("checkpoints").at(0).at("retained"), false);
  EXPECT_EQ(freshet_.run({"checkpoint", "verify", "shop", "2"}).exit_code, 0);
}

}  // namespace
}  // namespace freshet::integration

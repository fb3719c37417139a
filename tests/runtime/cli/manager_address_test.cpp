#include "runtime/cli/manager_address.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support.h"

namespace freshet::cli {
namespace {

TEST(ManagerAddress, ReadsTheUsualForms) {
  const std::pair<const char*, const char*> cases[] = {{"shop-1:8070", "shop-1:8070"},
                                                       {"shop-1", "shop-1:7070"},
                                                       {"http://10.0.0.1:80/", "10.0.0.1:80"},
                                                       {"[::1]:7071", "[::1]:7071"},
                                                       {" 127.0.0.1 ", "127.0.0.1:7070"}};
  for (const auto& [text, expected] : cases) {
    const auto address = parse_manager_address(text, "--manager");
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), expected);
  }
}

TEST(ManagerAddress, RefusesOthersNamingTheirOrigin) {
  for (const char* text :
       {"", ":7070", "a:b", "a:0", "a:65536", "a:7070x", "[::1", "::1", "https://a", "a/b", "a b:1"}) {
    const auto address = parse_manager_address(text, "FRESHET_MANAGER");
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.failure().code, ExitCode::kUsage);
    EXPECT_EQ(address.failure().message,
              std::string("FRESHET_MANAGER '") + text + "': expected HOST:PORT such as 127.0.0.1:7070");
  }
}

TEST(ManagerAddress, PrefersFlagThenVariableThenFileThenDefault) {
  const test::TemporaryFolder folder;
  test::FakeSurroundings fake;
  const auto found = [&](const std::string& flag) {
    return find_manager_address(flag, fake.around.environment).value().text();
  };
  EXPECT_EQ(found(""), "127.0.0.1:7070");
  fake.variables["HOME"] = folder.path;
  EXPECT_EQ(found(""), "127.0.0.1:7070");
  std::filesystem::create_directories(folder.path + "/.config/freshet");
  std::ofstream(folder.path + "/.config/freshet/config") << "# where\n\n color = no\nmanager = from-file:1\n";
  EXPECT_EQ(found(""), "from-file:1");
  fake.variables["FRESHET_MANAGER"] = "from-variable:2";
  EXPECT_EQ(found(""), "from-variable:2");
  EXPECT_EQ(found("from-flag:3"), "from-flag:3");
}

TEST(ManagerAddress, LooksForTheConfigFileWhereXdgSays) {
  const test::TemporaryFolder folder;
  test::FakeSurroundings fake;
  fake.variables["HOME"] = "/nowhere";
  fake.variables["XDG_CONFIG_HOME"] = folder.path;
  std::filesystem::create_directories(folder.path + "/freshet");
  std::ofstream(folder.path + "/freshet/config") << "manager=from-file:1\nwhat is this\n";
  const auto address = find_manager_address("", fake.around.environment);
  ASSERT_FALSE(address);
  EXPECT_EQ(address.failure().message, folder.path + "/freshet/config:2: expected key=value, found 'what is this'");
}

}  // namespace
}  // namespace freshet::cli

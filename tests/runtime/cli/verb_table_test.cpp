#include <gflags/gflags.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "runtime/cli/flags.h"
#include "runtime/cli/parser.h"
#include "support.h"

namespace freshet::cli {
namespace {

/// As a shell would: words at spaces, single quotes kept together.
std::vector<std::string> shell_words(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  for (const char c : line + " ") {
    if (c == '\'') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      if (!word.empty()) words.push_back(word);
      word.clear();
    } else {
      word += c;
    }
  }
  return words;
}

const char* gflags_type(ValueForm form) {
  switch (form) {
    case ValueForm::kSwitch:
      return "bool";
    case ValueForm::kInteger:
      return "int32";
    case ValueForm::kNumber:
      return "double";
    default:
      return "string";
  }
}

class VerbTableTest : public testing::Test {
 protected:
  gflags::FlagSaver saver_;
  VerbTable table_ = make_verbs(test::fake_roles());
};

TEST_F(VerbTableTest, EveryVerbSaysWhatItIsForInOneLine) {
  for (const Verb& verb : table_.all()) {
    SCOPED_TRACE(verb.full_name());
    EXPECT_FALSE(verb.summary.empty());
    EXPECT_LE(verb.summary.size(), 60u);
    EXPECT_EQ(verb.summary.find('\n'), std::string::npos);
    EXPECT_TRUE(verb.handler);
    EXPECT_LE(verb.least_arguments, verb.most_arguments);
    EXPECT_TRUE(verb.most_arguments == 0 || !verb.positional.empty());
    EXPECT_TRUE(verb.most_arguments == 0 || !verb.usage.empty());
  }
}

TEST_F(VerbTableTest, EveryExampleParsesAsItsVerb) {
  for (const Verb& verb : table_.all()) {
    EXPECT_GE(verb.examples.size(), 2u) << verb.full_name();
    for (const std::string& example : verb.examples) {
      const std::vector<std::string> words = shell_words(example);
      ASSERT_EQ(words.at(0), "freshet") << example;
      const auto line = parse_command_line(table_, std::span(words).subspan(1));
      ASSERT_TRUE(line) << example << "\n" << line.failure().message;
      EXPECT_EQ(line->verb, &verb) << example;
    }
  }
}

TEST_F(VerbTableTest, EveryFlagHasItsGflagOfTheRightTypeAndADescription) {
  for (const Verb& verb : table_.all()) {
    std::set<std::string> names;
    for (const Flag& flag : verb.flags) {
      SCOPED_TRACE(verb.full_name() + " --" + flag.name);
      EXPECT_TRUE(names.insert(flag.name).second) << "twice";
      std::string name = flag.name;
      std::replace(name.begin(), name.end(), '-', '_');
      gflags::CommandLineFlagInfo info;
      ASSERT_TRUE(gflags::GetCommandLineFlagInfo(name.c_str(), &info));
      EXPECT_EQ(info.type, gflags_type(flag.form));
      EXPECT_FALSE(info.description.empty());
      EXPECT_EQ(flag.form == ValueForm::kChoice, !flag.choices.empty());
      EXPECT_TRUE(flag.form == ValueForm::kSwitch || flag.form == ValueForm::kChoice || !flag.value_name.empty());
    }
  }
}

TEST_F(VerbTableTest, NoTwoVerbsHaveTheSameName) {
  std::set<std::string> names;
  for (const Verb& verb : table_.all()) EXPECT_TRUE(names.insert(verb.full_name()).second) << verb.full_name();
}

TEST(Help, ShowsEveryVisibleVerb) {
  test::FakeSurroundings fake;
  EXPECT_EQ(fake.run("help"), ExitCode::kDone);
  const std::string all = fake.out.str();
  const VerbTable table = make_verbs(test::fake_roles());
  for (const Verb& verb : table.all()) {
    EXPECT_EQ(all.find("\n  " + verb.full_name() + " ") != std::string::npos, !verb.group.empty()) << verb.full_name();
  }
  test::expect_golden("help.txt", all);
}

TEST(Help, ComesInEveryFormUsersTry) {
  test::FakeSurroundings fake;
  ASSERT_EQ(fake.run("help logs"), ExitCode::kDone);
  const std::string text = fake.out.str();
  test::expect_golden("help_logs.txt", text);
  for (const char* line : {"logs --help", "logs -h", "logs shop --help"}) {
    EXPECT_EQ(fake.run(line), ExitCode::kDone);
    EXPECT_EQ(fake.out.str(), text) << line;
  }
  EXPECT_EQ(fake.run("help cluster"), ExitCode::kDone);
  EXPECT_NE(fake.out.str().find("freshet cluster start"), std::string::npos);
  EXPECT_EQ(fake.run("help cluster start"), ExitCode::kDone);
  EXPECT_EQ(fake.run("cluster --help"), ExitCode::kDone);
  EXPECT_EQ(fake.run("help lgos"), ExitCode::kUsage);
  EXPECT_EQ(fake.err.str(), "freshet help: no verb 'lgos'. Did you mean logs?\nusage: freshet help [VERB]\n");
}

TEST(Help, IsShortOnStderrWithoutAVerb) {
  test::FakeSurroundings fake;
  EXPECT_EQ(fake.run(""), ExitCode::kUsage);
  EXPECT_EQ(fake.out.str(), "");
  EXPECT_EQ(fake.err.str().substr(0, 20), "usage: freshet VERB ");
}

}  // namespace
}  // namespace freshet::cli

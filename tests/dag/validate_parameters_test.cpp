#include "tests/dag/refusal.h"

namespace freshet::dag::test {

enum class Mode : std::uint8_t { fast, careful };
FRESHET_ENUM(Mode, fast, careful)

ParameterDeclaration declare(const std::string& name, Schema type, const std::string& default_text,
                             ParameterKind kind = ParameterKind::plain) {
  return {.name = name, .kind = kind, .type = std::move(type), .default_text = default_text};
}

/// The shop with parameters: each kind of parameter, each type that occurs.
GraphMaker shop_with_parameters() {
  GraphMaker maker = shop();
  maker.graph().parameters = {
      declare("hot", schema_of<std::int32_t>(), "10"),
      declare("small", schema_of<std::uint8_t>(), "1"),
      declare("share", schema_of<double>(), "0.5", ParameterKind::live),
      declare("factor", schema_of<float>(), "1"),
      declare("strict", schema_of<bool>(), "true"),
      declare("patience", schema_of<Duration>(), "30s"),
      declare("since", schema_of<Time>(), "2026-03-01"),
      declare("mode", schema_of<Mode>(), "fast"),
      declare("input", schema_of<std::string>(), "", ParameterKind::required),
      declare("password", schema_of<std::string>(), "", ParameterKind::secret),
      declare("catalog", schema_of<std::string>(), "", ParameterKind::file),
  };
  return maker;
}

struct ParameterCase {
  std::string name;
  std::vector<GivenValue> parameters;  ///< beside those that are required
  std::vector<GivenValue> files;
  std::vector<std::string> expected;
};

void PrintTo(const ParameterCase& test, std::ostream* out) { *out << test.name; }

std::vector<std::string> problems_of_case(const ParameterCase& test) {
  ValidationOptions options{.parameters = test.parameters, .files = test.files};
  for (const auto* name : {"input", "password"}) options.parameters.push_back({name, "x"});
  options.files.push_back({"catalog", "catalog.csv"});
  options.file_exists = [](const std::string& path) { return path == "catalog.csv"; };
  return problems_of(shop_with_parameters().graph(), options);
}

struct Parameters : testing::TestWithParam<ParameterCase> {};

TEST_P(Parameters, AreChecked) { EXPECT_EQ(problems_of_case(GetParam()), GetParam().expected); }

INSTANTIATE_TEST_SUITE_P(
    Validator, Parameters,
    testing::Values(
        ParameterCase{"AllGood",
                      {{"hot", "-3"},
                       {"small", "255"},
                       {"share", "1e-3"},
                       {"strict", "false"},
                       {"patience", "1.5s"},
                       {"since", "1700000000"},
                       {"mode", "careful"}},
                      {},
                      {}},
        ParameterCase{"UnknownButNear", {{"hto", "20"}}, {}, {"parameter hto: unknown. Did you mean hot?"}},
        ParameterCase{
            "Unknown",
            {{"zzzzzzzz", "20"}},
            {},
            {"parameter zzzzzzzz: unknown. Use one of hot, small, share, factor, strict, patience, since, mode, "
             "input, password, catalog"}},
        ParameterCase{
            "UnknownFile", {}, {{"katalog", "catalog.csv"}}, {"parameter katalog: unknown. Did you mean catalog?"}},
        ParameterCase{
            "UnreadableName",
            {{"a b", "1"}},
            {},
            {"parameter \"a b\": unknown. Use one of hot, small, share, factor, strict, patience, since, mode, input, "
             "password, catalog"}},
        ParameterCase{"NoInteger",
                      {{"hot", "many"}},
                      {},
                      {"parameter hot: many is not a whole number from -2147483648 to 2147483647"}},
        ParameterCase{
            "IntegerOutOfRange", {{"small", "256"}}, {}, {"parameter small: 256 is not a whole number from 0 to 255"}},
        ParameterCase{"NoNumber", {{"share", "half"}}, {}, {"parameter share: half is not a number"}},
        ParameterCase{"NotFinite", {{"share", "nan"}}, {}, {"parameter share: nan is not a number"}},
        ParameterCase{"NumberOutOfRange", {{"factor", "1e300"}}, {}, {"parameter factor: 1e300 is not a number"}},
        ParameterCase{"NoBool", {{"strict", "maybe"}}, {}, {"parameter strict: maybe is not true or false"}},
        ParameterCase{"NoDuration",
                      {{"patience", "long"}},
                      {},
                      {"parameter patience: long is not a duration (90ms, 1.5s, 30min, 24h, 7d)"}},
        ParameterCase{"NoTime",
                      {{"since", "yesterday"}},
                      {},
                      {"parameter since: yesterday is not a time (2026-03-01T03:00:00Z, or seconds since 1970)"}},
        ParameterCase{"NoEnumerator",
                      {{"mode", "carefull"}},
                      {},
                      {"parameter mode: carefull is not one of fast, careful. Did you mean careful?"}},
        ParameterCase{"Nothing",
                      {{"hot", ""}},
                      {},
                      {"parameter hot: nothing is not a whole number from -2147483648 to 2147483647"}},
        ParameterCase{
            "GivenTwice", {{"hot", "1"}, {"hot", "2"}}, {}, {"parameter hot: given twice: 1 and 2. Give it once"}},
        ParameterCase{"SecretGivenTwice",
                      {{"password", "abc"}},
                      {},
                      {"parameter password: given twice: **** and ****. Give it once"}},
        ParameterCase{"ValueForAFile",
                      {{"catalog", "catalog.csv"}},
                      {},
                      {"parameter catalog: it is a file. Attach it: --file catalog=PATH"}},
        ParameterCase{"FileForAValue",
                      {},
                      {{"hot", "catalog.csv"}},
                      {"parameter hot: it is a value, not a file. Say --param hot=VALUE"}},
        ParameterCase{"FileGivenTwice",
                      {},
                      {{"catalog", "catalog.csv"}},
                      {"parameter catalog: given twice: catalog.csv and catalog.csv. Give it once"}}),
    [](const auto& test) { return test.param.name; });

TEST(Validator, AsksForWhatIsMissing) {
  auto maker = shop_with_parameters();
  maker.graph().parameters[8].help = "event files, globs allowed";
  EXPECT_EQ(problems_of(maker.graph(), {}),
            (std::vector<std::string>{
                "parameter input: missing: event files, globs allowed. Say --param input=VALUE",
                "parameter password: missing. Say --param password=VALUE",
                "parameter catalog: missing. Attach it: --file catalog=PATH",
            }));
}

TEST(Validator, AsksForNoSecretOrFileWithADefault) {
  GraphMaker maker = shop();
  maker.graph().parameters = {declare("password", schema_of<std::string>(), "guest", ParameterKind::secret),
                              declare("catalog", schema_of<std::string>(), "catalog.csv", ParameterKind::file)};
  EXPECT_TRUE(problems_of(maker.graph(), {}).empty());
}

TEST(Validator, LooksForAttachedFilesOnlyWhenItCan) {
  GraphMaker maker = shop();
  maker.graph().parameters = {declare("catalog", schema_of<std::string>(), "", ParameterKind::file)};
  ValidationOptions options{.files = {{"catalog", "nowhere.csv"}}};
  EXPECT_TRUE(problems_of(maker.graph(), options).empty());
  options.file_exists = [](const std::string&) { return false; };
  EXPECT_EQ(problems_of(maker.graph(), options),
            (std::vector<std::string>{
                "parameter catalog: there is no file nowhere.csv. Check the path after --file catalog="}));
}

TEST(Validator, RefusesDeclarationsThatContradictThemselves) {
  GraphMaker maker = shop();
  maker.graph().parameters = {declare("hot", schema_of<std::int32_t>(), "ten"),
                              declare("hot", schema_of<std::int32_t>(), "10"),
                              declare("a b", schema_of<std::string>(), ""), declare("event", schema_of<Event>(), "")};
  EXPECT_EQ(problems_of(maker.graph(), {}),
            (std::vector<std::string>{
                "parameter hot: its default ten is not a whole number from -2147483648 to 2147483647. Mend it in the "
                "job",
                "parameter hot: declared twice. Rename one",
                "parameter \"a b\": this cannot be a name. Use letters, digits, '_', '-' and '.'",
                "parameter event: its type is {user: u64, page: string, time: time}, which no text can give. Use a "
                "number, bool, text, time, duration or enum",
            }));
}

TEST(Validator, SaysThatAJobHasNoParameters) {
  EXPECT_EQ(problems_of(shop().graph(), {.parameters = {{"hot", "1"}}}),
            (std::vector<std::string>{"parameter hot: unknown. The job has no parameters"}));
}

}  // namespace freshet::dag::test

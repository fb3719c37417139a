#include <freshet/files.h>

namespace freshet::files {
namespace {

constexpr std::string_view kShopPath = "shop:";

ShopInput declare_shop(Job& job, const std::string& name, const InputOptions& options) {
  const ShopInput defaults;
  ShopInput shop;
  shop.rate = options.rate;
  shop.seconds =
      job.param(name + ".seconds", defaults.seconds, "of shop: ends after so many seconds of events; 0: never");
  shop.events = job.param(name + ".events", defaults.events, "of shop: ends after so many events; 0: never");
  shop.users = job.param(name + ".users", defaults.users, "of shop: how many users there are");
  shop.items = job.param(name + ".items", defaults.items, "of shop: how many items there are");
  shop.seed = job.param(name + ".seed", defaults.seed, "of shop: another seed, other events");
  shop.partitions = job.param(name + ".partitions", defaults.partitions, "of shop: splits, read side by side");
  shop.values = options.values;
  return shop;
}

}  // namespace

Input declare_input(Job& job, const std::string& name, const std::string& fallback, std::string_view help,
                    const InputDefaults& defaults) {
  Input input;
  auto& options = input.options;
  options.name = name;
  options.path = job.text_param(name, fallback, help);
  options.format = job.text_param(name + ".format", "auto", "auto (by file ending), csv, tsv, jsonl, log or lines");
  options.columns = job.text_param(name + ".columns", "",
                                   "FIELD=COLUMN,… by header name or number from 1, or @line, @file; default: by name");
  options.values =
      job.text_param(name + ".values", defaults.values, "FIELD:FROM=TO,… replaces words; FROM may be C*, *C, *");
  options.time =
      job.text_param(name + ".time", "auto", "how times are written: auto, s, ms, us, iso or a pattern like %d/%b/%Y");
  options.delimiter =
      job.text_param(name + ".delimiter", "", "between columns: one character, or tab; default: by format");
  options.header =
      job.text_param(name + ".header", "auto", "whether the first line names the columns: true, false or auto");
  options.default_columns = defaults.columns;
  options.required = defaults.required;
  const bool is_shop = options.path == kShopPath;
  options.rate = job.param(name + ".rate", is_shop ? ShopInput{}.rate : 0.0,
                           "records per second of each file, or of shop in all; 0: full speed");
  const ShopInput shop = declare_shop(job, name, options);
  if (is_shop) input.shop = shop;
  return input;
}

void add_input_problems(Job& job, const InputOptions& options, const Schema& record) {
  for (const auto& problem : check_input(options, record)) {
    if (problem.option.empty())  // the option is the path: it is about the files
      job.add_file_problem({"parameter " + options.name, problem.message, problem.remedy});
    else
      job.add_problem({"parameter " + options.name + "." + problem.option, problem.message, problem.remedy});
  }
}

}  // namespace freshet::files

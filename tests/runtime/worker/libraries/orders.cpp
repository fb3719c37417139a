// The other of two libraries that both say `struct Event`.
#include <freshet/files.h>

using namespace freshet;

struct Event {
  std::string order{};
  double amount = 2.5;
  std::vector<std::string> items{"one", "two"};
  FRESHET_RECORD(order, amount, items)
};

FRESHET_JOB(orders, "Events with an order and its items")
{
  const auto input = job.param("input", "in.txt", "text file");
  const auto output = job.param("output", "out", "folder");
  job.source("lines", files::lines(input))
      .map("events", [](const Line& line) { return Event{.order = line.text}; })
      .sink("result", files::jsonl(output));
}

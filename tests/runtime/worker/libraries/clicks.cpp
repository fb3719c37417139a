// One of two libraries that both say `struct Event`, and mean different things.
#include <freshet/files.h>

using namespace freshet;

struct Event {
  std::uint64_t user = 7;
  std::string page = "home";
  FRESHET_RECORD(user, page)
};

FRESHET_JOB(clicks, "Events with a user and a page")
{
  const auto input = job.param("input", "in.txt", "text file");
  const auto output = job.param("output", "out", "folder");
  job.source("lines", files::lines(input))
      .map("events", [](const Line& line) { return Event{.page = line.text}; })
      .sink("result", files::jsonl(output));
}

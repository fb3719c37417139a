// Jobs with one mistake each, and one with all of them. The typed API makes most of these impossible to write, so a
// sound job is bent where its graph lies open to whoever builds below that API.
#include <freshet/files.h>
#include <freshet/freshet.h>

using namespace freshet;

namespace {

struct Word {
  std::string text{};
  std::uint64_t count = 1;
  FRESHET_RECORD(text, count)
};

struct Number {
  double value = 0;
  FRESHET_RECORD(value)
};

// Operators and edges of the sound job, by their index:
//
//   lines --0--> words --1--> tidy --2--> totals --3--> result        (2: by the field text)
enum Operators : std::uint32_t { kLines, kWords, kTidy, kTotals, kResult };
enum Edges : std::uint32_t { kToWords, kToTidy, kToTotals, kToResult };

void build_sound_job(Job& job) {
  job.source("lines", files::lines("nowhere.txt"))
      .map("words", [](const Line& line) { return Word{.text = line.text}; })
      .filter("tidy", [](const Word& word) { return !word.text.empty(); })
      .key_by(&Word::text)
      .sum("totals", &Word::count)
      .sink("result", files::csv("nowhere"));
}

void add_cycle(Job& job) {
  Edge back = job.graph().edges[kToTidy];
  back.from = kTidy;
  back.to = kWords;
  back.record = job.graph().operators[kWords].input_records[0];
  job.graph().operators[kTidy].outputs[0].record = back.record;
  job.graph().edges[kToTotals].record = job.graph().operators[kTotals].input_records[0] = back.record;
  job.graph().edges.push_back(back);
}

void leave_dangling(Job& job) { job.graph().edges[kToResult].to = 17; }

void give_id_twice(Job& job) { job.graph().operators[kTidy].id = "words"; }

void send_other_record(Job& job) { job.graph().operators[kTidy].input_records[0] = schema_of<Number>(); }

void lose_key(Job& job) {
  auto& edge = job.graph().edges[kToTotals];
  edge.grouping = Grouping::shuffle;
  edge.key_fields.clear();
}

}  // namespace

FRESHET_JOB(sound, "Nothing is wrong with it; its parameters are there to be given wrongly")
{
  static_cast<void>(job.param("limit", 20, "how many"));
  static_cast<void>(job.param("patience", 30s, "how long"));
  build_sound_job(job);
}

FRESHET_JOB(needy, "Has parameters without which it is refused")
{
  static_cast<void>(job.required<std::string>("region", "where the shop is"));
  static_cast<void>(job.secret("password", "of the shop"));
  static_cast<void>(job.file("catalog", "lines of item,category"));
  build_sound_job(job);
}

FRESHET_JOB(cycle, "A stream comes back to where it was")
{
  build_sound_job(job);
  add_cycle(job);
}

FRESHET_JOB(dangling, "An edge leads nowhere")
{
  build_sound_job(job);
  leave_dangling(job);
}

FRESHET_JOB(duplicate, "Two operators have one id")
{
  build_sound_job(job);
  give_id_twice(job);
}

FRESHET_JOB(mismatch, "An operator gets another record than it takes")
{
  build_sound_job(job);
  send_other_record(job);
}

FRESHET_JOB(keyless, "A keyed step on a stream without a key")
{
  build_sound_job(job);
  lose_key(job);
}

FRESHET_JOB(no_tasks, "An operator of no task at all")
{ job.source("lines", files::lines("nowhere.txt")).parallelism(0).sink("result", files::csv("nowhere")); }

FRESHET_JOB(too_wide, "A keyed operator of more tasks than there are key groups")
{
  job.source("lines", files::lines("nowhere.txt"))
      .key_by(&Line::text)
      .dedupe("once", &Line::text)
      .parallelism(129)
      .sink("result", files::csv("nowhere"));
}

FRESHET_JOB(everything, "All of these mistakes at once")
{
  static_cast<void>(job.param("limit", 20, "how many"));
  static_cast<void>(job.required<std::string>("region", "where the shop is"));
  static_cast<void>(job.file("catalog", "lines of item,category"));
  build_sound_job(job);
  give_id_twice(job);
  lose_key(job);
  leave_dangling(job);
  job.graph().operators[kResult].parallelism = 5'000;
  job.graph().edges[kToTidy].record = schema_of<Number>();
  // Two more operators that go round in a circle beside it.
  for (const char* id : {"left", "right"}) {
    OperatorNode node = job.graph().operators[kWords];
    node.id = id;
    node.input_records[0] = node.outputs[0].record;
    job.graph().operators.push_back(node);
  }
  Edge turn = job.graph().edges[kToWords];
  turn.record = schema_of<Word>();
  for (const auto& [from, to] : {std::pair<std::uint32_t, std::uint32_t>{5, 6}, {6, 5}}) {
    turn.from = from;
    turn.to = to;
    job.graph().edges.push_back(turn);
  }
}

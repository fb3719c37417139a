// Every grouping once, from one source to sinks of their own. A row says who sent it and who received it; the part file
// it lies in says which task that was.
#include "groupings.h"

#include <unistd.h>

#include <freshet/files.h>
#include <freshet/freshet.h>

using namespace freshet;

namespace {

struct Numbered {
  std::uint64_t partition = 0, sequence = 0, user = 0;
  std::int64_t sent_by = 0, received_by = 0;  ///< processes
  FRESHET_RECORD(partition, sequence, user, sent_by, received_by)
};

class Numbers final : public Source<Numbered> {
 public:
  std::vector<Split> discover() override {
    std::vector<Split> splits;
    for (std::uint64_t partition = 0; partition < integration::kPartitions; ++partition)
      splits.push_back({.partition = std::to_string(partition), .end = integration::kRecords});
    return splits;
  }
  Progress read(Split& split, Out<Numbered>& out) override {
    const std::uint64_t partition = std::stoull(split.partition);
    while (split.position < split.end && !out.full()) {
      const auto sequence = ++split.position;
      out.emit({.partition = partition,
                .sequence = sequence,
                .user = integration::user_of(partition, sequence),
                .sent_by = ::getpid()});
    }
    return split.position == split.end ? Progress::done : Progress::progress;
  }
};

Numbered receive(Numbered record) {
  record.received_by = ::getpid();
  return record;
}

}  // namespace

FRESHET_JOB(groupings, "Every grouping once, each to a sink of its own")
{
  const auto output = job.param("output", "out", "folder with a folder per grouping");
  const auto keep = [&](const std::string& name, const auto& stream) {
    stream.map(name, receive).sink(name + "_file", files::jsonl(output + "/" + name));
  };
  const auto numbers = job.source<Numbers>("numbers");
  numbers.sink("source_file", files::jsonl(output + "/source"));
  keep("shuffle", numbers.shuffle());
  keep("fields", numbers.key_by(&Numbered::user));
  keep("function", numbers.key_by("residue", [](const Numbered& record) { return record.sequence % 10; }));
  keep("partial_key", numbers.partial_key(&Numbered::user));
  keep("all", numbers.all());
  keep("global", numbers.global());
  keep("direct", numbers.direct([](const Numbered& record, std::size_t tasks) { return record.sequence / 2 % tasks; }));
  keep("local_or_shuffle", numbers.local_or_shuffle());
  // In a thread of its own, else it would be in the source's task and no channel lay between.
  numbers.forward().map("forward", receive).own_thread().sink("forward_file", files::jsonl(output + "/forward"));
  // A worker without any task of the receiver's.
  numbers.local_or_shuffle()
      .map("local_to_one", receive)
      .parallelism(1)
      .sink("local_to_one_file", files::jsonl(output + "/local_to_one"))
      .parallelism(1);
  // Nothing is said, and the numbers of tasks differ.
  numbers.map("unequal", receive).parallelism(3).sink("unequal_file", files::jsonl(output + "/unequal")).parallelism(3);
}

// Counts up for as long as it is told to; takes no number that says so.
#include <freshet/files.h>
#include <freshet/freshet.h>

using namespace freshet;

namespace {

struct Number {
  std::uint64_t value = 0;
  FRESHET_RECORD(value)
};

/// At most a hundred at each look, so that a job without end is no load.
class Numbers final : public Source<Number> {
 public:
  explicit Numbers(std::uint64_t count) : count_(count) {}
  std::vector<Split> discover() override { return {{.partition = "numbers", .end = count_}}; }
  Progress read(Split& split, Out<Number>& out) override {
    if (now() < next_) return Progress::idle;
    next_ = now() + 1ms;
    for (int i = 0; i < 100 && split.position < split.end; ++i) {
      const auto value = ++split.position;
      out.emit({value});
    }
    return split.position == split.end ? Progress::done : Progress::progress;
  }
  std::string describe(const std::string&, std::uint64_t position) const override {
    return "number " + std::to_string(position);
  }

 private:
  const std::uint64_t count_;
  Time next_{};
};

}  // namespace

FRESHET_JOB(picky, "Counts up, and fails or sets aside what it does not like")
{
  const auto output = job.param("output", "out", "folder of the result");
  const auto count = job.param("count", std::uint64_t{1'000}, "numbers; 0: without end");
  const auto bad = job.param("bad", std::uint64_t{0}, "the number it does not like");
  const auto aside = job.param("aside", false, "set it aside instead of failing");
  job.source<Numbers>("numbers", count == 0 ? ~std::uint64_t{0} : count)
      .map("taste",
           [bad](const Number& number) {
             if (number.value == bad) throw std::domain_error("it tastes bad");
             return number;
           })
      .on_error(aside ? dead_letter() : fail())
      .sink("result", files::csv(output));
}

#include <freshet/testing.h>

#include "runtime/worker/local_engine.h"

namespace freshet::detail {

namespace {

class LocalHarnessEngine final : public HarnessEngine {
 public:
  LocalHarnessEngine(const Job& job, std::int64_t parallelism) : engine_(job, {.parallelism = parallelism}) {
    if (engine_.problems().empty()) return;
    std::string refused = "the job is refused:";
    for (const auto& problem : engine_.problems())
      refused += "\n  " + problem.where + ": " + problem.message + ". " + problem.remedy;
    throw std::runtime_error(refused);
  }

  void run_to_end() override {
    engine_.start();
    while (!engine_.run()) {
      if (const auto& failure = engine_.failure())
        throw std::runtime_error("operator " + failure->operator_id + " failed: " + failure->reason + ": " +
                                 failure->what() + (failure->record.empty() ? "" : " on " + failure->record));
      // Nothing to do now: let time pass, for sources and emissions that wait for it.
      engine_.clock().advance(std::chrono::milliseconds(10));
      if (++rests_ > kMostRests) throw std::runtime_error("the job does not end: are all its sources bounded?");
    }
    engine_.close();
  }
  std::vector<DeadLetter> dead_letters() const override { return engine_.dead_letters(); }

 private:
  static constexpr int kMostRests = 1'000'000;
  worker::LocalEngine engine_;
  int rests_ = 0;
};

}  // namespace

std::unique_ptr<HarnessEngine> HarnessEngine::make(const Job& job, std::int64_t parallelism) {
  return std::make_unique<LocalHarnessEngine>(job, parallelism);
}

}  // namespace freshet::detail

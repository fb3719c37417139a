#pragma once

#include <any>

#include <freshet/operator_harness.h>
#include <freshet/stream.h>

/// For tests of jobs: JobHarness runs a whole job in this thread; OperatorHarness (operator_harness.h) one operator.
namespace freshet {

namespace detail {

/// A source that gives out what a test fed it: one split per `tasks` records' owner, positions counting from 1.
template <class T>
class FedSource final : public Source<T> {
 public:
  explicit FedSource(std::shared_ptr<const std::vector<T>> records) : records_(std::move(records)) {}
  std::vector<Split> discover() override { return {{.partition = "fed", .end = records_->size()}}; }
  Progress read(Split& split, Out<T>& out) override {
    while (split.position < split.end && !out.full()) {
      const auto& record = (*records_)[split.position++];
      out.emit(record);
    }
    return split.position == split.end ? Progress::done : Progress::progress;
  }

 private:
  std::shared_ptr<const std::vector<T>> records_;
};

/// The engine behind JobHarness.
class HarnessEngine {
 public:
  virtual ~HarnessEngine() = default;
  virtual void run_to_end() = 0;
  virtual std::vector<DeadLetter> dead_letters() const = 0;
  static std::unique_ptr<HarnessEngine> make(const Job& job, std::int64_t parallelism);
};

}  // namespace detail

/// Runs a job that is linked into the test, on a clock that stands still, with sources fed and sinks read by operator
/// id. Sinks are never opened, nor files that fed sources would read; what is not fed is read as in production. Any
/// mistake in the test or the job, and a job that fails, is thrown as std::runtime_error with the reason.
class JobHarness {
 public:
  explicit JobHarness(std::string_view job_name, std::map<std::string, std::string> parameters = {})
      : job_(std::make_unique<Job>(std::move(parameters))) {
    for (const auto& registered : registered_jobs()) {
      if (registered.name != job_name) continue;
      job_->feed_sources();
      registered.build(*job_);
      job_->graph().job = registered.name;
      job_->finish();
      collect_sinks();
      return;
    }
    throw std::runtime_error("no job is called " + std::string(job_name));
  }
  /// Tasks per operator that does not say; one unless set.
  JobHarness& parallelism(std::int64_t tasks) {
    parallelism_ = tasks;
    return *this;
  }
  template <class T>
  JobHarness& feed(std::string_view source_id, std::vector<T> records) {
    const auto node = find(source_id, OperatorKind::source);
    if (job_->graph().operators[node].outputs[0].record != schema_of<T>())
      throw std::runtime_error("source " + std::string(source_id) + " gives another record");
    auto shared = std::make_shared<const std::vector<T>>(std::move(records));
    job_->implementation(node).make = [shared](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::TypedSourceStage<detail::FedSource<T>>>(
          std::make_unique<detail::FedSource<T>>(shared));
    };
    return *this;
  }
  /// Runs until all sources have ended and everything has arrived.
  JobHarness& finish() {
    engine_ = detail::HarnessEngine::make(*job_, parallelism_);
    engine_->run_to_end();
    return *this;
  }
  /// What arrived at a sink; from several tasks in no defined order.
  template <class T>
  std::vector<T> output(std::string_view sink_id) {
    const auto node = find(sink_id, OperatorKind::sink);
    if (job_->graph().operators[node].input_records[0] != schema_of<T>())
      throw std::runtime_error("sink " + std::string(sink_id) + " takes another record");
    return *std::static_pointer_cast<std::vector<T>>(collected_[node]);
  }
  std::vector<DeadLetter> dead_letters() const { return engine_->dead_letters(); }

 private:
  std::uint32_t find(std::string_view id, OperatorKind kind) const {
    const auto& operators = job_->graph().operators;
    for (std::uint32_t node = 0; node < operators.size(); ++node) {
      if (operators[node].id == id && operators[node].kind == kind) return node;
    }
    throw std::runtime_error("no " + std::string(enumerator_name(kind)) + " is called " + std::string(id));
  }
  void collect_sinks() {
    for (std::uint32_t node = 0; node < job_->graph().operators.size(); ++node) {
      auto& code = job_->implementation(node);
      if (!code.collect) continue;
      const auto [records, make] = code.collect();
      collected_[node] = records;
      code.make = [make](const auto&) { return make(); };
    }
  }

  std::unique_ptr<Job> job_;
  std::int64_t parallelism_ = 1;
  std::map<std::uint32_t, std::shared_ptr<void>> collected_;
  std::unique_ptr<detail::HarnessEngine> engine_;
};

}  // namespace freshet

#pragma once

#include <freshet/endpoints.h>
#include <freshet/operator_harness.h>

namespace freshet::testing {

/// Runs a source through its stage, as the engine does, and keeps what comes out.
template <class S>
class SourceReader {
  using T = typename S::Output;

 public:
  template <class... Args>
  explicit SourceReader(Args... args) : stage_(std::make_unique<S>(std::move(args)...)) {
    host_.operator_id = "source";
    host_.sets_aside = true;
  }
  SourceReader& open() {
    stage_.open(host_);
    return *this;
  }
  /// Opens the source and gives it all its splits.
  SourceReader& open_all() {
    open();
    std::uint32_t number = 0;
    for (auto& split : stage_.discover()) add_split(++number, std::move(split));
    return *this;
  }
  SourceReader& add_split(std::uint32_t number, Split split) {
    stage_.add_split({number, std::move(split)});
    return *this;
  }
  std::vector<Split> discover() { return stage_.discover(); }
  Progress read() {
    const Progress progress = stage_.read();
    auto& out = static_cast<detail::Batch<T>&>(stage_.outputs()[0].batch());
    for (std::size_t i = 0; i < out.size(); ++i) {
      records.push_back(out.records[i]);
      positions.push_back(out.metas[i].position);
    }
    auto& aside = static_cast<detail::Batch<DeadLetter>&>(stage_.outputs()[1].batch());
    for (std::size_t i = 0; i < aside.size(); ++i) {
      letters.push_back(aside.records[i]);
      letter_positions.push_back(aside.metas[i].position);
    }
    for (auto& output : stage_.outputs()) output.clear();
    return progress;
  }
  SourceReader& read_all() {
    while (read() != Progress::done) {
    }
    return *this;
  }
  std::vector<std::string> reasons() const {
    std::vector<std::string> all;
    for (const auto& letter : letters) all.push_back(letter.reason);
    return all;
  }
  void set_now(Time now) { host_.now_value = now; }

  std::vector<T> records;
  std::vector<SourcePosition> positions;
  std::vector<DeadLetter> letters;
  std::vector<SourcePosition> letter_positions;

 private:
  detail::TypedSourceStage<S> stage_;
  detail::HarnessHost host_;
};

}  // namespace freshet::testing

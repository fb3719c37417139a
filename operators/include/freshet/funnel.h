#pragma once

#include <array>
#include <functional>

#include <freshet/ordered_operator.h>

/// Funnels: how far each key comes in a sequence of steps.
namespace freshet {

/// A key has reached a step of its funnel.
struct FunnelStep {
  std::string step{};
  std::uint32_t number = 0;  ///< of the step, the first being 1
  Time time{};               ///< of the event that fulfilled it
  Duration since_first{};    ///< from the event that fulfilled the first step
  bool operator==(const FunnelStep&) const = default;
  FRESHET_RECORD(step, number, time, since_first)
};

struct FunnelOptions {
  Duration within = Duration::max();  ///< of the first step, in event time, all others have to be reached; inclusive
  Duration ttl = Duration::max();     ///< a funnel that reaches no further step for so long, in event time, is over
};

/// What step() makes.
template <class P>
struct NamedStep {
  std::string name;
  P predicate;
};
/// A step of a funnel: an event of which `predicate(const Record&)` says true fulfils it.
template <class P>
NamedStep<P> step(std::string name, P predicate) {
  return {std::move(name), std::move(predicate)};
}

/// How far a key has come.
struct FunnelProgress {
  std::uint32_t reached = 0;  ///< steps; 0: no funnel has begun
  Time first{}, last{};       ///< when it reached the first one and the last one so far
  FRESHET_RECORD(reached, first, last)
};

/// The operator behind `stream.funnel(…)`. Per key, in the order of event time: a funnel begins with the first event of
/// the first step. Step n + 1 is reached by the first event of its kind that is not earlier than the one that fulfilled
/// step n, and within `within` of the first. Events of equal times count in any order, those that came earlier first.
/// An event fulfils one step at most. Events of a step that is reached already, or is not next, mean nothing; in
/// particular the first step again does not begin the funnel anew while it is under way. When all steps are reached, or
/// time is over (`within`, `ttl`), the funnel is gone; the next event of the first step begins another.
/// Keeps 32 bytes of each event that is of some step until the watermark has passed it, and one FunnelProgress of each
/// key until its funnel is over.
template <class K, class T>
class Funnel final : public OrderedOperator<K, T, FunnelStep, std::uint32_t, FunnelProgress> {
 public:
  static constexpr std::size_t kMostSteps = 32;
  struct Step {
    std::string name;
    std::function<bool(const T&)> predicate;
  };
  /// With one to kMostSteps steps.
  explicit Funnel(FunnelOptions options, std::vector<Step> steps) : options_(options), steps_(std::move(steps)) {}

  void process(const T& record, Out<FunnelStep>& out) override {
    std::uint32_t fulfils = 0;  // a bit a step
    for (std::size_t i = 0; i < steps_.size(); ++i) fulfils |= std::uint32_t{steps_[i].predicate(record)} << i;
    if (fulfils != 0) this->await_turn(record, fulfils, this->event_time(), out);
  }

 private:
  void take_turns(FunnelProgress& progress, std::span<Waiting<std::uint32_t>> turns, Out<FunnelStep>& out) override {
    const Time time = turns.front().time;
    const auto until = keep_until(progress);
    if ((until && time > *until) || progress.reached >= steps_.size()) progress = {};
    if (progress.reached != 0 && time < progress.last) return;  // a restored task may know less of what is late
    std::array<std::size_t, kMostSteps> looked_at{};            // by step: none of the events before is left for it
    for (;;) {
      auto& at = looked_at[progress.reached];
      while (at != turns.size() && (turns[at].what >> progress.reached & 1) == 0) ++at;
      if (at == turns.size()) return;
      turns[at].what = 0;
      reach_next(progress, time, out);
    }
  }
  void reach_next(FunnelProgress& progress, Time time, Out<FunnelStep>& out) const {
    if (progress.reached == 0) progress.first = time;
    progress.last = time;
    FunnelStep& reached = out.add();
    reached.step = steps_[progress.reached].name;
    reached.number = ++progress.reached;
    reached.time = time;
    reached.since_first = time - progress.first;
    if (progress.reached == steps_.size()) progress = {};
  }
  std::optional<Time> keep_until(const FunnelProgress& progress) const override {
    if (progress.reached == 0) return std::nullopt;
    return std::min(detail::later(progress.first, options_.within), detail::later(progress.last, options_.ttl));
  }

  const FunnelOptions options_;
  const std::vector<Step> steps_;
};

}  // namespace freshet

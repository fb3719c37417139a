#pragma once

#include <freshet/joined_stream.h>
#include <freshet/ordered_stream.h>
#include <freshet/windowed_stream.h>

/// Typed streams: handles, cheap and passed by value, that build the job's graph. Each step names its operator first.
namespace freshet {

/// A stream without a key.
template <class T>
class Stream : public StreamSteps<Stream<T>, void, T> {
 public:
  using StreamSteps<Stream<T>, void, T>::StreamSteps;

  /// One function with several outputs, each named in the type: Out<Bad, "bad">&. Answers a tuple of streams.
  template <class F>
  auto split(std::string_view id, F function) const {
    return split_into(id, function, static_cast<typename detail::Signature<F>::args*>(nullptr));
  }
  /// All records of both, in no defined order between them.
  template <class... More>
  Stream<T> merge(const More&... more) const {
    auto all = this->from_;
    (all.insert(all.end(), more.from().begin(), more.from().end()), ...);
    return Stream<T>(this->job(), std::move(all));
  }
  template <class Op, class... Args>
  auto process(std::string_view id, Args... args) const {
    static_assert(std::is_same_v<typename Op::Input, T>, "the operator's input is another record type");
    static_assert(
        !requires { typename Op::Key; }, "the operator works under a key: put .key_by(…) before it");
    const auto [step, prototype] = this->template add_operator_class<Op>(id, args...);
    return ProcessStream<Op, Stream<typename Op::Output>>(this->template stream_of<typename Op::Output>(step),
                                                          prototype);
  }
  /// Which field is the event time; stands right behind the source, or the merged sources.
  Stream<T> event_time(Time T::*field, EventTimeOptions options = {}) const {
    for (const auto& upstream : this->from_) {
      auto& source = this->job().graph().operators[upstream.node];
      if (source.kind != OperatorKind::source) {
        this->job().add_problem({"operator " + source.id, "event_time stands behind it, and it is not a source",
                                 "put .event_time(…) right behind the source"});
        continue;
      }
      if (this->job().implementation(upstream.node).event_time)
        this->job().add_problem({"operator " + source.id, "has an event time already", "say .event_time(…) once"});
      if (options.idle_after <= Duration(0))
        this->job().add_problem(
            {"operator " + source.id, "is idle whenever it has nothing for a moment", "let idle_after be above 0"});
      source.description += ", event time " + field_name(field) + ", disorder " + format_duration(options.max_disorder);
      this->job().implementation(upstream.node).event_time = [field, options](Stage& stage) {
        dynamic_cast<detail::SourceStageOf<T>&>(stage).set_event_time({field, options});
      };
    }
    return *this;
  }

  // How the next operator's task is picked.
  Stream<T> shuffle() const { return grouped(Grouping::shuffle, detail::RoundRobin{}); }
  Stream<T> local_or_shuffle() const {
    return grouped(Grouping::local_or_shuffle, detail::RoundRobin{.local_first = true});
  }
  Stream<T> global() const { return grouped(Grouping::global, detail::FirstTask{}); }
  Stream<T> forward() const { return grouped(Grouping::forward, detail::SameIndex{}); }
  Stream<T> all() const {
    return Stream<T>(this->job(),
                     this->linked({.grouping = Grouping::all, .code = {detail::make_broadcast_edge<T>(), nullptr}}));
  }
  /// A key's records go to either of two tasks, whichever got less: for skew, where two partial results can be merged.
  template <class M>
  Stream<T> partial_key(M T::*field) const {
    static_assert(KeyValue<M>, "a key is made of integers, strings, enums and times (no floating point)");
    auto grouped_stream = grouped(Grouping::partial_key, detail::TwoChoices<detail::FieldKey<T, M>>{{field}});
    for (auto& upstream : grouped_stream.from_) upstream.link.key_fields = {field_name(field)};
    return grouped_stream;
  }
  /// The function names the task: [](const Record& record, std::size_t tasks) -> std::size_t.
  template <class F>
  Stream<T> direct(F function) const {
    static_assert(std::is_invocable_r_v<std::size_t, F, const T&, std::size_t>,
                  "direct takes [](const Record& record, std::size_t tasks) -> std::size_t");
    return grouped(Grouping::direct, detail::Named<F>{function});
  }

 private:
  template <class Choose>
  Stream<T> grouped(Grouping grouping, Choose choose) const {
    return Stream<T>(
        this->job(),
        this->linked({.grouping = grouping, .code = {detail::make_edge<void, T>(detail::NoKey{}, choose), nullptr}}));
  }
  template <class F, class In, class... Outs>
  auto split_into(std::string_view id, F function, std::tuple<In, Outs...>*) const {
    static_assert(std::is_same_v<std::remove_cvref_t<In>, T>,
                  "split takes [](const Record& record, Out<A>&, Out<B, \"b\">&)");
    OperatorNode step = this->node(id, OperatorKind::transform, "split");
    step.outputs = {{detail::OutOf<std::remove_cvref_t<Outs>>::name, schema_of<detail::OutRecord<Outs>>()}...,
                    detail::dead_letter_output()};
    const auto added = this->add(std::move(step), [function](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::SplitStage<T, F, std::remove_cvref_t<Outs>...>>(function);
    });
    std::uint32_t output = 0;
    return std::tuple{Stream<detail::OutRecord<Outs>>(
        this->job(), {{added, output++, {.code = detail::plain_edge<detail::OutRecord<Outs>>()}}})...};
  }
};

template <Record T>
Stream<T> Job::source(std::string_view id, const SourceSpec<T>& spec) {
  OperatorNode node;
  node.id = id;
  node.kind = OperatorKind::source;
  node.description = spec.description;
  node.inputs = 0;
  node.outputs = {{"out", schema_of<T>()}, detail::dead_letter_output()};
  const auto make = spec.make;
  const auto added = add_operator(std::move(node), {{}, [make](const auto&) { return make(); }}, {});
  return Stream<T>(*this, {{added, 0, {.code = detail::plain_edge<T>()}}});
}

template <class S, class... Args>
Stream<typename S::Output> Job::source(std::string_view id, Args... args) {
  return source<typename S::Output>(
      id, SourceSpec<typename S::Output>{
              "source " + std::string(type_name<S>()), [args...]() -> std::unique_ptr<SourceStage> {
                return std::make_unique<detail::TypedSourceStage<S>>(std::make_unique<S>(args...));
              }});
}

inline Stream<DeadLetter> Job::dead_letters() {
  if (!dead_letters_) {
    OperatorNode node;
    node.id = "dead_letters";
    node.description = "dead letters of the job";
    node.parallelism = 1;
    node.input_records = {schema_of<DeadLetter>()};
    node.outputs = {{"out", schema_of<DeadLetter>()}, detail::dead_letter_output()};
    const auto pass = [](const DeadLetter&) { return true; };
    dead_letters_ =
        add_operator(std::move(node),
                     {{},
                      [pass](const auto&) -> std::unique_ptr<Stage> {
                        return std::make_unique<detail::FilterStage<void, DeadLetter, decltype(pass)>>(pass);
                      }},
                     {});
  }
  return Stream<DeadLetter>(*this, {{*dead_letters_, 0, {.code = detail::plain_edge<DeadLetter>()}}});
}

}  // namespace freshet

#pragma once

#include <freshet/endpoints.h>
#include <freshet/job.h>

/// Typed streams: handles, cheap and passed by value, that build the job's graph. Each step names its operator first.
namespace freshet {

namespace detail {

template <class F>
concept Plain = requires { &F::operator(); } || std::is_pointer_v<F>;
template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) const> {
  using args = std::tuple<A...>;
};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...)> {
  using args = std::tuple<A...>;
};
template <class R, class... A>
struct Signature<R (*)(A...)> {
  using args = std::tuple<A...>;
};
template <class F, std::size_t I>
using Argument = std::tuple_element_t<I, typename Signature<F>::args>;

template <class O>
struct OutOf;
template <class T, StreamName n>
struct OutOf<Out<T, n>> {
  using type = T;
  static constexpr const char* name = n.text;
};
template <class O>
using OutRecord = typename OutOf<std::remove_cvref_t<O>>::type;

/// Key functions of key_by: one field, several, or the author's own.
template <class T, class M>
struct FieldKey {
  M T::* field;
  const M& operator()(const T& record) const { return record.*field; }
};
template <class T, class... M>
struct FieldsKey {
  std::tuple<M T::*...> fields;
  std::tuple<M...> operator()(const T& record) const {
    return std::apply([&](auto... field) { return std::tuple<M...>(record.*field...); }, fields);
  }
};

template <class T>
EdgeImplementation plain_edge() {
  return {make_edge<void, T>(NoKey{}, RoundRobin{}), make_edge<void, T>(NoKey{}, SameIndex{})};
}

inline OutputDeclaration dead_letter_output() { return {"dead_letters", schema_of<DeadLetter>()}; }

/// Names what is wrong with a function's argument list in one sentence.
template <class T, class F>
constexpr void check_callable() {
  static_assert(std::is_invocable_v<F, const T&>,
                "the function must take the stream's record: [](const Record& record) { … }");
}

}  // namespace detail

// --- settings ---------------------------------------------------------------------------------------------------------

struct FailPolicy {};
struct DeadLetterPolicy {
  double pause_above = 0.05;
};
struct RetryPolicy {
  std::uint32_t attempts = 5;
  Duration first = 1s;
  Duration limit = 5min;
  bool keep_order = false;
};
/// The first record that throws fails the job.
inline ErrorPolicy fail() { return {.kind = ErrorPolicyKind::fail}; }
/// Set the record aside and go on; the source pauses when more than this share of a minute's records are set aside.
inline ErrorPolicy dead_letter(DeadLetterPolicy policy = {}) {
  return {.kind = ErrorPolicyKind::dead_letter, .pause_above = policy.pause_above};
}
inline ErrorPolicy retry(RetryPolicy policy = {}) {
  return {.kind = ErrorPolicyKind::retry,
          .attempts = policy.attempts,
          .first_delay = policy.first,
          .limit = policy.limit,
          .keep_order = policy.keep_order};
}

/// Where a stream comes from. Copies refer to the same job.
class StreamBase {
 public:
  StreamBase(Job& job, std::vector<detail::Upstream> from) : job_(&job), from_(std::move(from)), named_(from_[0].node) {}
  Job& job() const { return *job_; }
  const std::vector<detail::Upstream>& from() const { return from_; }
  /// The operator that settings apply to.
  OperatorNode& named() const { return job_->graph().operators[named_]; }
  std::uint32_t named_index() const { return named_; }
  void name_operator(std::uint32_t node) { named_ = node; }

 protected:
  std::vector<detail::Upstream> linked(const detail::Link& link) const {
    auto from = from_;
    for (auto& upstream : from) upstream.link = link;
    return from;
  }
  Job* job_;
  std::vector<detail::Upstream> from_;
  std::uint32_t named_;
};

/// Settings of the operator named last; each answers the same stream.
template <class Self, class Base = StreamBase>
class Settings : public Base {
 public:
  using Base::Base;
  Self parallelism(std::int64_t tasks) const {
    this->named().parallelism = tasks;
    // Zero is refused by the validator; unsaid is zero in the graph.
    if (tasks == 0) this->named().parallelism = -1;
    return self();
  }
  Self on_error(const ErrorPolicy& policy) const {
    this->named().on_error = policy;
    return self();
  }
  /// Gives the operator tasks with threads of their own: for calls that block.
  Self own_thread() const {
    this->named().own_thread = true;
    return self();
  }
  Self help(std::string_view text) const {
    this->named().help = text;
    return self();
  }

 protected:
  const Self& self() const { return static_cast<const Self&>(*this); }
};

class SinkRef : public Settings<SinkRef> {
 public:
  using Settings::Settings;
};

template <class K, class T>
class KeyedStream;
template <class K, class S>
class FoldedStream;

/// An operator class's outputs: its main stream, and its side outputs by member.
template <class Op, class Base>
class ProcessStream : public Base {
 public:
  ProcessStream(Base base, std::shared_ptr<const Op> prototype) : Base(std::move(base)), prototype_(std::move(prototype)) {}
  template <class S>
  Stream<S> side(SideOutput<S> Op::* output) const {
    const auto& wanted = (*prototype_).*output;
    for (std::uint32_t i = 0; i < prototype_->side_outputs.size(); ++i) {
      if (prototype_->side_outputs[i] == &wanted)
        return Stream<S>(this->job(), {{this->named_index(), i + 1, {.code = detail::plain_edge<S>()}}});
    }
    return Stream<S>(this->job(), {{this->named_index(), 0, {}}});
  }

 private:
  std::shared_ptr<const Op> prototype_;
};

/// What streams with and without a key have in common. `K` is void without one.
template <class Self, class K, class T>
class StreamSteps : public Settings<Self> {
 public:
  using Settings<Self>::Settings;

  /// One record out for each in.
  template <class F>
  auto map(std::string_view id, F function) const {
    detail::check_callable<T, F>();
    if constexpr (std::is_invocable_v<F, const T&>) {
      using R = std::remove_cvref_t<std::invoke_result_t<F, const T&>>;
      static_assert(Record<R>, "map must return a record: a struct with FRESHET_RECORD(…)");
      if constexpr (Record<R>)
        return next<R>(id, "map", [function](const auto&) -> std::unique_ptr<Stage> {
          return std::make_unique<detail::MapStage<K, T, R, F>>(function);
        });
    }
  }
  /// Lets pass what the predicate says true to.
  template <class F>
  auto filter(std::string_view id, F predicate) const {
    static_assert(std::predicate<F, const T&>, "filter takes [](const Record& record) -> bool");
    return next<T>(id, "filter", [predicate](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::FilterStage<K, T, F>>(predicate);
    });
  }
  /// Any number of records out for each in.
  template <class F>
  auto flat_map(std::string_view id, F function) const {
    static_assert(detail::Plain<F>,
                  "name the types of the lambda's parameters: [](const Record& record, Out<Result>& out) { … }");
    if constexpr (detail::Plain<F>) {
      using R = detail::OutRecord<detail::Argument<F, 1>>;
      static_assert(std::is_invocable_v<F, const T&, Out<R>&>,
                    "flat_map takes [](const Record& record, Out<Result>& out) { … }");
      return next<R>(id, "flat_map", [function](const auto&) -> std::unique_ptr<Stage> {
        return std::make_unique<detail::FlatMapStage<K, T, R, F>>(function);
      });
    }
  }

  /// Gives the stream a key: fields of the record, or a function of it under a name.
  template <class M, class... Ms>
  auto key_by(M T::* first, Ms T::*... rest) const {
    static_assert(KeyValue<M> && (KeyValue<Ms> && ...),
                  "a key is made of integers, strings, enums and times (no floating point)");
    std::vector<std::string> names{field_name(first), field_name(rest)...};
    if constexpr (sizeof...(Ms) == 0)
      return keyed_by<M>(std::move(names), detail::FieldKey<T, M>{first});
    else
      return keyed_by<std::tuple<M, Ms...>>(std::move(names), detail::FieldsKey<T, M, Ms...>{{first, rest...}});
  }
  template <class F>
    requires std::is_invocable_v<F, const T&>
  auto key_by(std::string_view name, F function) const {
    using Key = std::remove_cvref_t<std::invoke_result_t<F, const T&>>;
    static_assert(KeyValue<Key>, "a key is made of integers, strings, enums and times (no floating point)");
    return keyed_by<Key>({std::string(name)}, function);
  }

  /// Ends the stream in what the spec describes: files::csv(…), files::jsonl(…), console(). Key fields come first.
  template <class Spec>
    requires requires(const Spec& spec) { spec.description(); }
  SinkRef sink(std::string_view id, const Spec& spec) const {
    OperatorNode node = this->node(id, OperatorKind::sink, spec.description());
    node.guarantee = spec.guarantee();
    const auto names = key_names();
    return add_sink(std::move(node), [spec, names](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::RowSinkStage<K, T>>(spec.template make<K, T>(names));
    });
  }
  /// Ends the stream in a sink class of the author's own; each task makes one from `args`.
  template <class S, class... Args>
  SinkRef sink(std::string_view id, Args... args) const {
    static_assert(std::is_same_v<typename S::Input, T>, "the sink's input is another record type");
    OperatorNode node = this->node(id, OperatorKind::sink, "sink " + std::string(type_name<S>()));
    node.guarantee = "at-least-once";
    return add_sink(std::move(node), [args...](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::SinkStage<S>>(std::make_unique<S>(args...));
    });
  }

 protected:
  using MakeStage = std::function<std::unique_ptr<Stage>(const detail::OperatorImplementation&)>;

  OperatorNode node(std::string_view id, OperatorKind kind, std::string description) const {
    OperatorNode node;
    node.id = id;
    node.kind = kind;
    node.description = std::move(description);
    node.input_records = {schema_of<T>()};
    node.keyed = !std::is_void_v<K>;
    node.outputs = {detail::dead_letter_output()};
    return node;
  }
  std::uint32_t add(OperatorNode node, MakeStage make) const {
    return this->job().add_operator(std::move(node), {{}, std::move(make)}, this->from());
  }
  SinkRef add_sink(OperatorNode node, MakeStage make) const {
    const auto added = add(std::move(node), std::move(make));
    this->job().implementation(added).collect = [] {
      const auto records = std::make_shared<std::vector<T>>();
      return std::pair<std::shared_ptr<void>, std::function<std::unique_ptr<Stage>()>>(
          records, [records]() -> std::unique_ptr<Stage> { return std::make_unique<detail::CollectStage<T>>(records); });
    };
    return SinkRef(this->job(), {{added, 0, {}}});
  }
  std::vector<std::string> key_names() const {
    if constexpr (std::is_void_v<K>) return {};
    else return self_key_names();
  }
  std::vector<std::string> self_key_names() const { return static_cast<const Self&>(*this).key_fields(); }

  /// Adds a step with one main output of R; the stream stays keyed if it was.
  template <class R>
  auto next(std::string_view id, std::string description, MakeStage make) const {
    OperatorNode step = node(id, OperatorKind::transform, std::move(description));
    step.outputs.insert(step.outputs.begin(), {"out", schema_of<R>()});
    return stream_of<R>(add(std::move(step), std::move(make)));
  }
  template <class R>
  auto stream_of(std::uint32_t step) const {
    if constexpr (std::is_void_v<K>) return Stream<R>(this->job(), {{step, 0, {.code = detail::plain_edge<R>()}}});
    else return KeyedStream<K, R>::carried(this->job(), step, self_key_names());
  }

  template <class Key, class KeyOf>
  KeyedStream<Key, T> keyed_by(std::vector<std::string> names, KeyOf key_of) const {
    const detail::Link link{
        .grouping = Grouping::fields,
        .key_fields = names,
        .code = {detail::make_edge<Key, T>(key_of, detail::ByKey<KeyOf>{key_of}), nullptr}};
    return KeyedStream<Key, T>(this->job(), this->linked(link), std::move(names));
  }

  template <class Op, class... Args>
  std::pair<std::uint32_t, std::shared_ptr<const Op>> add_operator_class(std::string_view id, Args... args) const {
    const auto prototype = std::make_shared<const Op>(args...);
    OperatorNode step = node(id, OperatorKind::transform, "process " + std::string(type_name<Op>()));
    step.outputs.insert(step.outputs.begin(), {"out", schema_of<typename Op::Output>()});
    for (std::size_t i = 0; i < prototype->side_outputs.size(); ++i)
      step.outputs.insert(step.outputs.begin() + 1 + static_cast<std::ptrdiff_t>(i),
                          {prototype->side_outputs[i]->name(), prototype->side_outputs[i]->schema()});
    for (const auto& [name, table] : prototype->states) step.states.push_back(table->declaration());
    for (const auto* counter : prototype->counters) step.counters.push_back(counter->name());
    const auto added = add(std::move(step), [args...](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::OperatorStage<K, Op>>(std::make_unique<Op>(args...));
    });
    return {added, prototype};
  }
};

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
    static_assert(!requires { typename Op::Key; }, "the operator works under a key: put .key_by(…) before it");
    const auto [step, prototype] = this->template add_operator_class<Op>(id, args...);
    return ProcessStream<Op, Stream<typename Op::Output>>(this->template stream_of<typename Op::Output>(step), prototype);
  }
  /// Which field is the event time; stands right behind the source.
  Stream<T> event_time(Time T::* field, EventTimeOptions options = {}) const {
    OperatorNode step = this->node(this->named().id + ".event_time", OperatorKind::transform,
                                   "event time " + field_name(field) + ", disorder " + format_duration(options.max_disorder));
    step.outputs.insert(step.outputs.begin(), {"out", schema_of<T>()});
    auto from = this->from_;
    for (auto& upstream : from) upstream.link.grouping = Grouping::forward;
    const auto added = this->job().add_operator(
        std::move(step),
        {{}, [field, options](const auto&) -> std::unique_ptr<Stage> {
           return std::make_unique<detail::EventTimeStage<T>>(field, options);
         }},
        from);
    this->job().follow_policy(added, this->named_index());
    Stream<T> timed(this->job(), {{added, 0, {.code = detail::plain_edge<T>()}}});
    timed.name_operator(this->named_index());
    return timed;
  }

  // How the next operator's task is picked.
  Stream<T> shuffle() const { return grouped(Grouping::shuffle, detail::RoundRobin{}); }
  Stream<T> local_or_shuffle() const { return grouped(Grouping::local_or_shuffle, detail::RoundRobin{.local_first = true}); }
  Stream<T> global() const { return grouped(Grouping::global, detail::FirstTask{}); }
  Stream<T> forward() const { return grouped(Grouping::forward, detail::SameIndex{}); }
  Stream<T> all() const {
    return Stream<T>(this->job(),
                     this->linked({.grouping = Grouping::all, .code = {detail::make_broadcast_edge<T>(), nullptr}}));
  }
  /// A key's records go to either of two tasks, whichever got less: for skew, where two partial results can be merged.
  template <class M>
  Stream<T> partial_key(M T::* field) const {
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
    return Stream<T>(this->job(), this->linked({.grouping = grouping,
                                                .code = {detail::make_edge<void, T>(detail::NoKey{}, choose), nullptr}}));
  }
  template <class F, class In, class... Outs>
  auto split_into(std::string_view id, F function, std::tuple<In, Outs...>*) const {
    static_assert(std::is_same_v<std::remove_cvref_t<In>, T>, "split takes [](const Record& record, Out<A>&, Out<B, \"b\">&)");
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

/// A stream whose records carry a key. Everything up to the next key_by runs under it: same task, in order, no shuffle.
template <class Self, class K, class T>
class KeyedSteps : public StreamSteps<Self, K, T> {
 public:
  using Key = K;
  KeyedSteps(Job& job, std::vector<detail::Upstream> from, std::vector<std::string> key_fields)
      : StreamSteps<Self, K, T>(job, std::move(from)), key_fields_(std::move(key_fields)) {}
  const std::vector<std::string>& key_fields() const { return key_fields_; }

  static Self carried(Job& job, std::uint32_t step, std::vector<std::string> key_fields) {
    const detail::Link link{
        .grouping = Grouping::forward,
        .carries_key = true,
        .key_fields = key_fields,
        .code = {detail::make_edge<K, T>(detail::CarriedKey{}, detail::SameIndex{}), nullptr}};
    return Self(job, {{step, 0, link}}, std::move(key_fields));
  }

  /// One state per key, changed by each record: [](State& state, const Record& record). The state is what goes out.
  template <class F>
  auto fold(std::string_view id, F function, TtlOptions ttl = {}) const {
    using S = std::remove_cvref_t<detail::Argument<F, 0>>;
    static_assert(std::is_invocable_v<F, S&, const T&>, "fold takes [](State& state, const Record& record) { … }");
    static_assert(Record<S>, "the state of fold is the record that goes out: a struct with FRESHET_RECORD(…)");
    if constexpr (Record<S>) return folded<S>(id, "fold", function, ttl);
  }
  /// Per key, the last record with `field` replaced by the sum over all.
  template <class M>
  auto sum(std::string_view id, M T::* field) const {
    static_assert(detail::IsNumber<M>, "sum adds up a number");
    const auto add = [field](T& total, const T& record) {
      const M before = total.*field;
      total = record;
      total.*field = static_cast<M>(before + record.*field);
    };
    T initial{};
    initial.*field = M{};  // the field's own default may be another: `count = 1`
    return folded<T>(id, "sum(" + field_name(field) + ")", add, {}, initial);
  }
  /// One state per key and free emission: [](State& state, const Record& record, Out<Result>& out).
  template <class F>
  auto process(std::string_view id, F function) const {
    using S = std::remove_cvref_t<detail::Argument<F, 0>>;
    using R = detail::OutRecord<detail::Argument<F, 2>>;
    static_assert(std::is_invocable_v<F, S&, const T&, Out<R>&>,
                  "process takes [](State& state, const Record& record, Out<Result>& out) { … }");
    static_assert(Value<S>, "a state is a Value: a number, a string, or a struct with FRESHET_RECORD(…)");
    OperatorNode step = this->node(id, OperatorKind::transform, "process");
    step.outputs.insert(step.outputs.begin(), {"out", schema_of<R>()});
    step.states = {{"state", "value", schema_of<K>(), {}, schema_of<S>()}};
    const auto added = this->add(std::move(step), [function](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::ProcessStage<K, T, S, R, F>>(function, StateOptions{});
    });
    return FoldedStream<K, R>::carried(this->job(), added, key_fields_);
  }
  template <class Op, class... Args>
  auto process(std::string_view id, Args... args) const {
    static_assert(std::is_same_v<typename Op::Input, T>, "the operator's input is another record type");
    if constexpr (requires { typename Op::Key; })
      static_assert(std::is_same_v<typename Op::Key, K>, "the operator's key is not the stream's key");
    const auto [step, prototype] = this->template add_operator_class<Op>(id, args...);
    return ProcessStream<Op, KeyedStream<K, typename Op::Output>>(
        this->template stream_of<typename Op::Output>(step), prototype);
  }
  /// Lets the first record of each id pass, per key.
  template <class M>
  KeyedStream<K, T> dedupe(std::string_view id, M T::* field, TtlOptions ttl = {}) const {
    static_assert(KeyValue<M>, "an id is made of integers, strings, enums and times");
    OperatorNode step = this->node(id, OperatorKind::transform, "dedupe(" + field_name(field) + ")");
    step.outputs.insert(step.outputs.begin(), {"out", schema_of<T>()});
    step.states = {{"seen", "set", schema_of<K>(), schema_of<M>(), schema_of<std::int64_t>(), ttl.ttl}};
    const auto added = this->add(std::move(step), [field, ttl](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::DedupeStage<K, T, M>>(field, StateOptions{.ttl = ttl.ttl});
    });
    return KeyedStream<K, T>::carried(this->job(), added, key_fields_);
  }
  /// Keeps the newest `count` records of each key, by event time, then arrival; goes out newest first.
  FoldedStream<K, T> recent(std::string_view id, std::int64_t count, TtlOptions ttl = {}) const {
    OperatorNode step = this->node(id, OperatorKind::transform, "recent " + std::to_string(count));
    step.outputs.insert(step.outputs.begin(), {"out", schema_of<T>()});
    step.states = {{"records", "value", schema_of<K>(), {}, schema_of<std::vector<detail::Kept<T>>>(), ttl.ttl}};
    step.emission = "at end";
    if (count < 1 || count > kMaxRecent)
      this->job().add_problem({"operator " + std::string(id), "keeps " + std::to_string(count) + " records per key",
                               "keep 1 to " + std::to_string(kMaxRecent)});
    const auto kept = static_cast<std::size_t>(std::max<std::int64_t>(count, 1));
    const auto added = this->add(std::move(step), [kept, ttl](const auto& code) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::RecentStage<K, T>>(kept, code.emission, StateOptions{.ttl = ttl.ttl});
    });
    this->job().implementation(added).emission = at_end();
    return FoldedStream<K, T>::carried(this->job(), added, key_fields_);
  }

 private:
  static constexpr std::int64_t kMaxRecent = 100'000;
  template <class S, class F>
  FoldedStream<K, S> folded(std::string_view id, std::string description, F function, TtlOptions ttl,
                            std::optional<S> initial = {}) const {
    OperatorNode step = this->node(id, OperatorKind::transform, std::move(description));
    step.outputs.insert(step.outputs.begin(), {"out", schema_of<S>()});
    step.states = {{"state", "value", schema_of<K>(), {}, schema_of<S>(), ttl.ttl}};
    step.emission = "each change";
    const auto added = this->add(std::move(step), [function, ttl, initial](const auto& code) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::FoldStage<K, T, S, F>>(function, code.emission, StateOptions{.ttl = ttl.ttl},
                                                             initial);
    });
    return FoldedStream<K, S>::carried(this->job(), added, key_fields_);
  }
  std::vector<std::string> key_fields_;
};

template <class K, class T>
class KeyedStream : public KeyedSteps<KeyedStream<K, T>, K, T> {
 public:
  using KeyedSteps<KeyedStream<K, T>, K, T>::KeyedSteps;
};

/// What comes out of a step with state: it says when a changed value goes out, and can be declared queryable.
template <class K, class T>
class FoldedStream : public KeyedSteps<FoldedStream<K, T>, K, T> {
 public:
  using KeyedSteps<FoldedStream<K, T>, K, T>::KeyedSteps;
  FoldedStream emit(Emission when) const {
    this->job().implementation(this->named_index()).emission = when;
    this->named().emission = when.kind == EmissionKind::every    ? "every " + format_duration(when.interval)
                             : when.kind == EmissionKind::at_end ? "at end"
                                                                 : "each change";
    return *this;
  }
  FoldedStream queryable() const {
    this->named().queryable = true;
    for (auto& state : this->named().states) state.queryable = true;
    return *this;
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
      id, SourceSpec<typename S::Output>{"source " + std::string(type_name<S>()), [args...]() -> std::unique_ptr<SourceStage> {
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
    dead_letters_ = add_operator(std::move(node), {{}, [pass](const auto&) -> std::unique_ptr<Stage> {
                                                     return std::make_unique<detail::FilterStage<void, DeadLetter, decltype(pass)>>(pass);
                                                   }},
                                 {});
  }
  return Stream<DeadLetter>(*this, {{*dead_letters_, 0, {.code = detail::plain_edge<DeadLetter>()}}});
}

}  // namespace freshet

#pragma once

#include <freshet/lookup_stage.h>
#include <freshet/store_lookup_stage.h>
#include <freshet/stream_settings.h>

/// The steps that streams with and without a key share: map, filter, flat_map, key_by, sinks.
namespace freshet {

namespace detail {

/// Of a key type: how many parts a key has.
template <class K>
inline constexpr std::size_t kKeyParts = 1;
template <IsTuple K>
inline constexpr std::size_t kKeyParts<K> = std::tuple_size_v<K>;

}  // namespace detail

template <class K, class T>
class KeyedStream;
template <class K, class S>
class FoldedStream;

/// An operator class's outputs: its main stream, and its side outputs by member.
template <class Op, class Base>
class ProcessStream : public Settings<ProcessStream<Op, Base>, Base> {
 public:
  ProcessStream(Base base, std::shared_ptr<const Op> prototype)
      : Settings<ProcessStream, Base>(std::move(base)), prototype_(std::move(prototype)) {}
  template <class S>
  Stream<S> side(SideOutput<S> Op::*output) const {
    const auto& wanted = (*prototype_).*output;
    for (std::uint32_t i = 0; i < prototype_->OperatorBase::side_outputs.size(); ++i) {
      if (prototype_->OperatorBase::side_outputs[i] == &wanted)
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

  /// Looks at each record beside rules (or entries of a catalogue), of which every task has all:
  /// [](const Record& record, const RulesView<Id, Rule>& rules, Out<Result>& out) { … }. The stream keeps its key, if
  /// it has one. The newest rule of each id counts, by event time, then by place in its source; rules may come at any
  /// time, and a record meets those that have come before it. They stay in memory, and each task saves them. Windows
  /// and timers behind it wait for the rules' event time as for the stream's, unless the rules' source is idle or has
  /// ended.
  template <class Id, class Rule, class F>
  auto lookup(std::string_view id, const Stream<Rule>& rules, Id Rule::*rule_id, F function) const {
    static_assert(KeyValue<Id>, "the id of a rule is made of integers, strings, enums and times (no floating point)");
    static_assert(detail::Plain<F>,
                  "name the types of the lambda's parameters: [](const Record& record, "
                  "const RulesView<Id, Rule>& rules, Out<Result>& out) { … }");
    if constexpr (KeyValue<Id> && detail::Plain<F>) {
      using R = detail::OutRecord<detail::Argument<F, 2>>;
      static_assert(std::is_invocable_v<F&, const T&, const RulesView<Id, Rule>&, Out<R>&>,
                    "lookup takes [](const Record& record, const RulesView<Id, Rule>& rules, Out<Result>& out) { … }");
      using LookupStage = detail::LookupStage<K, T, Id, Rule, R, F>;
      OperatorNode step = node(id, OperatorKind::transform, "lookup by " + field_name(rule_id));
      step.inputs = 2;
      step.input_records.push_back(schema_of<Rule>());
      step.outputs.insert(step.outputs.begin(), {"out", schema_of<R>()});
      step.states = {LookupStage(rule_id, function).states()[0].second->declaration()};
      auto from = this->from();
      const auto spread = rules.all();
      for (auto upstream : spread.from()) {
        upstream.input = 1;
        from.push_back(std::move(upstream));
      }
      const auto make = [rule_id, function](const auto&) -> std::unique_ptr<Stage> {
        return std::make_unique<LookupStage>(rule_id, function);
      };
      return stream_of<R>(this->job().add_operator(std::move(step), implementation(make), from));
    }
  }

  /// Looks each record up in a store outside the job by one of its fields, as in redis::texts(server, "item:{item}"):
  /// [](const Record& record, const std::string* found) { return Result{…}; }; null: nothing stands there. Records that
  /// come together are asked for together, and keep their order. Where the store does not answer in time the record
  /// fails: .on_error(retry(…)) tries it again while others go on. The step has threads of its own, since it waits.
  template <class M, class F>
  auto lookup(std::string_view id, const StoreSpec& store, M T::*key, F function) const {
    static_assert(detail::IsScalar<M>, "a record is looked up by a number, an enum, a time or a text");
    static_assert(std::is_invocable_v<F&, const T&, const std::string*>,
                  "lookup takes [](const Record& record, const std::string* found) { return Result{…}; }");
    if constexpr (detail::IsScalar<M> && std::is_invocable_v<F&, const T&, const std::string*>) {
      using R = std::remove_cvref_t<std::invoke_result_t<F&, const T&, const std::string*>>;
      static_assert(Record<R>, "lookup must return a record: a struct with FRESHET_RECORD(…)");
      if constexpr (Record<R>) {
        const std::string field = field_name(key);
        if (const std::string problem = store.problem(field); !problem.empty())
          this->job().add_problem(
              {"operator " + std::string(id), problem, "name the field in braces: {" + field + "}"});
        const auto make = [store, key, field, function](const auto&) -> std::unique_ptr<Stage> {
          return std::make_unique<detail::StoreLookupStage<K, T, M, R, F>>(store.make(field), key, function);
        };
        return next<R>(id, "lookup in " + store.description, make).own_thread();
      }
    }
  }

  /// Gives the stream a key: fields of the record, or a function of it under a name.
  template <class M, class... Ms>
  auto key_by(M T::*first, Ms T::*... rest) const {
    static_assert(KeyValue<M> && (KeyValue<Ms> && ...),
                  "a key is made of integers, strings, enums and times (no floating point)");
    std::vector<std::string> names{field_name(first), field_name(rest)...};
    if constexpr (!KeyValue<M> || !(KeyValue<Ms> && ...))
      return;  // said above, once
    else if constexpr (sizeof...(Ms) == 0)
      return keyed_by<M>(std::move(names), detail::FieldKey<T, M>{first});
    else
      return keyed_by<std::tuple<M, Ms...>>(std::move(names), detail::FieldsKey<T, M, Ms...>(first, rest...));
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
  requires requires(const Spec& spec) { spec.guarantee(); }
  SinkRef sink(std::string_view id, const Spec& spec) const {
    OperatorNode node = this->node(id, OperatorKind::sink, spec.description());
    node.guarantee = spec.guarantee();
    const auto names = key_names();
    return add_sink(std::move(node), [spec, names](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::RowSinkStage<K, T>>(spec.template make<K, T>(names));
    });
  }
  /// The same for a spec that writes by key to a server: redis::hash(…). The stream has a key: key_by(…) comes first.
  /// Its tasks have threads of their own, since they wait.
  template <class Spec>
  requires requires(const Spec& spec) { spec.key_problem(std::vector<std::string>(), std::size_t{}); }
  SinkRef sink(std::string_view id, const Spec& spec) const {
    static_assert(!std::is_void_v<K>, "this sink writes by key: key_by(…) before it");
    if constexpr (std::is_void_v<K>) {
      return SinkRef(this->job(), {});
    } else {
      using S = typename Spec::template Sink<K, T>;
      OperatorNode node = this->node(id, OperatorKind::sink, spec.description());
      node.guarantee = detail::guarantee_of<S>();
      node.own_thread = true;
      const auto names = key_names();
      if (const auto problem = spec.key_problem(names, detail::kKeyParts<K>); !problem.message.empty())
        this->job().add_problem({"operator " + std::string(id), problem.message, problem.remedy});
      return add_sink(std::move(node), [spec, names](const auto&) -> std::unique_ptr<Stage> {
        return std::make_unique<detail::SinkStageOf<S>>(spec.template make<K, T>(names));
      });
    }
  }
  /// Ends the stream in a sink class of the author's own, a Sink, UpsertSink or TransactionalSink; each task makes one
  /// from `args`.
  template <class S, class... Args>
  SinkRef sink(std::string_view id, Args... args) const {
    static_assert(std::is_same_v<typename S::Input, T>, "the sink's input is another record type");
    if constexpr (detail::IsUpsertSink<S>)
      static_assert(std::is_same_v<typename S::Key, K>,
                    "an UpsertSink<K, T> ends a stream keyed by K: key_by(…) first");
    OperatorNode node = this->node(id, OperatorKind::sink, "sink " + std::string(type_name<S>()));
    node.guarantee = detail::guarantee_of<S>();
    return add_sink(std::move(node), [args...](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::SinkStageOf<S>>(std::make_unique<S>(args...));
    });
  }

 protected:
  using MakeStage = std::function<std::unique_ptr<Stage>(const detail::OperatorImplementation&)>;

  static detail::OperatorImplementation implementation(MakeStage make) {
    return {.make = std::move(make), .records = std::make_shared<const detail::RecordCodecOf<K, T>>()};
  }
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
    return this->job().add_operator(std::move(node), implementation(std::move(make)), this->from());
  }
  SinkRef add_sink(OperatorNode node, MakeStage make) const {
    const auto added = add(std::move(node), std::move(make));
    this->job().implementation(added).collect = [] {
      const auto records = std::make_shared<std::vector<T>>();
      return std::pair<std::shared_ptr<void>, std::function<std::unique_ptr<Stage>()>>(
          records,
          [records]() -> std::unique_ptr<Stage> { return std::make_unique<detail::CollectStage<T>>(records); });
    };
    return SinkRef(this->job(), {{added, 0, {}}});
  }
  std::vector<std::string> key_names() const {
    if constexpr (std::is_void_v<K>)
      return {};
    else
      return self_key_names();
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
    if constexpr (std::is_void_v<K>)
      return Stream<R>(this->job(), {{step, 0, {.code = detail::plain_edge<R>()}}});
    else
      return KeyedStream<K, R>::carried(this->job(), step, self_key_names());
  }

  template <class Key, class KeyOf>
  KeyedStream<Key, T> keyed_by(std::vector<std::string> names, KeyOf key_of) const {
    const detail::Link link{.grouping = Grouping::fields,
                            .key_fields = names,
                            .code = {detail::make_edge<Key, T>(key_of, detail::ByKey<KeyOf>{key_of}), nullptr}};
    return KeyedStream<Key, T>(this->job(), this->linked(link), std::move(names));
  }

  template <class Op, class... Args>
  std::pair<std::uint32_t, std::shared_ptr<const Op>> add_operator_class(std::string_view id, Args... args) const {
    const auto prototype = std::make_shared<const Op>(args...);
    OperatorNode step = node(id, OperatorKind::transform, "process " + std::string(type_name<Op>()));
    step.outputs.insert(step.outputs.begin(), {"out", schema_of<typename Op::Output>()});
    for (std::size_t i = 0; i < prototype->OperatorBase::side_outputs.size(); ++i)
      step.outputs.insert(
          step.outputs.begin() + 1 + static_cast<std::ptrdiff_t>(i),
          {prototype->OperatorBase::side_outputs[i]->name(), prototype->OperatorBase::side_outputs[i]->schema()});
    for (const auto& [name, table] : prototype->OperatorBase::states) step.states.push_back(table->declaration());
    for (const auto* counter : prototype->OperatorBase::counters) step.counters.push_back(counter->name());
    const auto added = add(std::move(step), [args...](const auto&) -> std::unique_ptr<Stage> {
      return std::make_unique<detail::OperatorStage<K, Op>>(std::make_unique<Op>(args...));
    });
    this->job().implementation(added).needs_event_time =
        std::any_of(prototype->OperatorBase::timers.begin(), prototype->OperatorBase::timers.end(),
                    [](const auto* timer) { return timer->clock() == Clock::event; });
    return {added, prototype};
  }
};

}  // namespace freshet

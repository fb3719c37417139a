#pragma once

#include <freshet/job.h>
#include <freshet/sinks.h>

/// What every stream handle has: where it comes from, and the settings of the operator named last.
namespace freshet {

namespace detail {

template <class F>
concept Plain = requires {
  &F::operator();
}
|| std::is_pointer_v<F>;
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

/// Key functions of key_by: one field, several, or the author's own. Of fields it is known what else the key depends
/// on: nothing.
template <class T, class M>
struct FieldKey {
  M T::*field;
  const M& operator()(const T& record) const { return record.*field; }
  bool is_same(const T& a, const T& b) const { return a.*field == b.*field; }
  void copy(T& into, const T& from) const { into.*field = from.*field; }
};
template <class T, class... M>
struct FieldsKey : KeyOfParts {
  explicit FieldsKey(M T::*... pointers) : fields(pointers...) {}
  std::tuple<M T::*...> fields;
  std::tuple<M...> operator()(const T& record) const {
    return std::apply([&](auto... field) { return std::tuple<M...>(record.*field...); }, fields);
  }
  void read(const T& record, std::tuple<M...>& key) const {
    std::apply([&](auto... field) { key = std::tie(record.*field...); }, fields);
  }
  std::uint64_t hash(const T& record) const {
    return std::apply([&](auto... field) { return hash_of_parts(record.*field...); }, fields);
  }
  bool is_same(const T& a, const T& b) const {
    return std::apply([&](auto... field) { return (... && (a.*field == b.*field)); }, fields);
  }
  void copy(T& into, const T& from) const {
    std::apply([&](auto... field) { ((into.*field = from.*field), ...); }, fields);
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

// --- settings
// ---------------------------------------------------------------------------------------------------------

struct FailPolicy {};
/// Dead letters that wait to be processed again, per task; see RetryPolicy::max_waiting.
inline constexpr std::uint64_t kMostReplayed = 1'000'000;
struct DeadLetterPolicy {
  double pause_above = 0.05;
  /// The newest so many of each task are kept as state, to be listed and, once what made them fail is mended, replayed:
  /// `freshet dead-letters`. Not of sources, windows and joins.
  std::uint64_t keep = 0;
};
struct RetryPolicy {
  std::uint32_t attempts = 5;  ///< the first among them
  Duration first = 1s;         ///< until the second; doubles with each
  Duration limit = 5min;       ///< from the first attempt to the last
  bool keep_order = false;     ///< records of a key wait for one that is to be tried again: of a keyed stream
  /// Records that may wait, per task. When as many do, the operator takes nothing in until some are through.
  std::uint64_t max_waiting = 1'000'000;
  double pause_above = 0.05;    ///< as of dead_letter(), of those that were tried in vain
  std::uint64_t keep = 10'000;  ///< as of dead_letter()
};
/// The first record that throws fails the job.
inline ErrorPolicy fail() { return {.kind = ErrorPolicyKind::fail}; }
/// Set the record aside and go on; the source pauses when more than this share of a minute's records are set aside.
inline ErrorPolicy dead_letter(DeadLetterPolicy policy = {}) {
  return {.kind = ErrorPolicyKind::dead_letter,
          .pause_above = policy.pause_above,
          .max_waiting = policy.keep == 0 ? 0 : kMostReplayed,
          .keep = policy.keep};
}
/// Sets the record aside in a lane of its own and tries it again later, while others go on; then a dead letter. What a
/// call that throws has changed and emitted is undone, so the record counts once, whenever it gets through: behind the
/// watermark, maybe, so windows further on may find it late. The lane is state: it outlives failures and moves with
/// its keys, and a stream that ends waits for it. Not behind windows and joins. Not tried again: RejectRecord, what
/// crashes the process, and what throws where no record is at hand (timers, results of windows).
inline ErrorPolicy retry(RetryPolicy policy = {}) {
  return {.kind = ErrorPolicyKind::retry,
          .pause_above = policy.pause_above,
          .attempts = policy.attempts,
          .first_delay = policy.first,
          .limit = policy.limit,
          .keep_order = policy.keep_order,
          .max_waiting = policy.max_waiting,
          .keep = policy.keep};
}

/// Where a stream comes from. Copies refer to the same job.
class StreamBase {
 public:
  StreamBase(Job& job, std::vector<detail::Upstream> from)
      : job_(&job), from_(std::move(from)), named_(from_[0].node) {}
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
  explicit Settings(Base base) : Base(std::move(base)) {}
  Self parallelism(std::int64_t tasks) const {
    this->named().parallelism = tasks;
    if (tasks == 0)  // which in the graph means: not said
      this->job().add_problem({"operator " + this->named().id, "parallelism 0: must be at least 1",
                               "Leave .parallelism() away to have that of the job"});
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

}  // namespace freshet

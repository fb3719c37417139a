#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include <freshet/edge.h>
#include <freshet/graph.h>
#include <freshet/keyed.h>
#include <freshet/recent.h>
#include <freshet/record_codec.h>
#include <freshet/text.h>

/// The job as its build function sees it: parameters, resources, sources. The function runs for describe, validate,
/// plan and once in each worker, so it only declares.
namespace freshet {

template <class T>
class Stream;

namespace detail {

/// The code behind a node of the graph; make_stage() is called once per task.
struct OperatorImplementation {
  std::unique_ptr<Stage> make_stage() const {
    auto stage = make(*this);
    if (event_time) event_time(*stage);
    return stage;
  }

  Emission emission{};
  std::function<std::unique_ptr<Stage>(const OperatorImplementation&)> make{};
  bool needs_event_time = false;  ///< it cannot work on records without
  /// It sets aside as late what comes more than that behind the watermark, or behind its window.
  std::optional<Duration> takes_late{};
  /// Of a source whose records have an event time: tells its stage.
  std::function<void(Stage&)> event_time{};
  /// Of a sink: for tests, a place for what arrives (a std::vector of the record) and stages that fill it instead.
  std::function<std::pair<std::shared_ptr<void>, std::function<std::unique_ptr<Stage>()>>()> collect{};
  /// Of an operator to which it makes no difference whether records come as they are, or combined, or less of them.
  std::shared_ptr<const Combiner> combiner{};
  /// Of its first input, for who keeps records; null where a call stands for more than one record (windows, joins).
  std::shared_ptr<const RecordCodec> records{};
  bool takes_parts = false;  ///< the combiner works on all edges to it: what comes are parts of panes
};

/// The code behind an edge. `when_forward` serves an edge that the planner resolved to forward.
struct EdgeImplementation {
  std::shared_ptr<const EdgeType> type{};
  std::shared_ptr<const EdgeType> when_forward{};
};

/// How a stream reaches the next operator.
struct Link {
  Grouping grouping = Grouping::rebalance;
  bool carries_key = false;
  std::vector<std::string> key_fields{};
  EdgeImplementation code{};
};

/// One output of an operator on its way to the next.
struct Upstream {
  std::uint32_t node = 0;
  std::uint32_t output = 0;
  Link link{};
  std::uint32_t input = 0;  ///< of the next operator
};

}  // namespace detail

struct CheckpointOptions {
  Duration every = 10s;
  std::uint32_t keep = 3;
};

/// Something costly, made once per worker before its tasks start and shared by them, read only. Describe, validate and
/// plan never make it.
template <class T>
class Resource {
 public:
  explicit Resource(std::shared_ptr<std::optional<T>> slot) : slot_(std::move(slot)) {}
  const T* operator->() const { return &**slot_; }
  const T& operator*() const { return **slot_; }

 private:
  std::shared_ptr<std::optional<T>> slot_;
};

/// How to make a source: what files::read and its like answer.
template <class T>
struct SourceSpec {
  using record = T;
  std::string description{};
  std::function<std::unique_ptr<SourceStage>()> make{};
};

class Job {
 public:
  /// `given`: parameter values as text, as the submitter wrote them.
  explicit Job(std::map<std::string, std::string> given = {}) : given_(std::move(given)) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// A parameter with a default; its type is that of the default.
  template <Value T>
  requires detail::IsScalar<T> T param(std::string_view name, T fallback, std::string_view help) {
    std::string text;
    append_text(text, fallback);
    return read(declare(name, ParameterKind::plain, schema_of<T>(), text, help), std::move(fallback));
  }
  std::string param(std::string_view name, const char* fallback, std::string_view help) {
    return param(name, std::string(fallback), help);
  }
  template <class Rep, class Period>
  requires(!std::same_as<std::chrono::duration<Rep, Period>, Duration>) Duration
      param(std::string_view name, std::chrono::duration<Rep, Period> fallback, std::string_view help) {
    return param(name, std::chrono::duration_cast<Duration>(fallback), help);
  }
  /// A parameter without default: the job is refused without it.
  template <Value T>
  requires detail::IsScalar<T> T required(std::string_view name, std::string_view help) {
    return read(declare(name, ParameterKind::required, schema_of<T>(), "", help), T{});
  }
  /// A required text that is never shown.
  std::string secret(std::string_view name, std::string_view help) {
    return read(declare(name, ParameterKind::secret, schema_of<std::string>(), "", help), std::string());
  }
  /// A file attached at submission (`--file name=path`), shipped by content hash. Answers where this process finds it.
  std::string file(std::string_view name, std::string_view help) {
    return read(declare(name, ParameterKind::file, schema_of<std::string>(), "", help), std::string());
  }

  template <class T, class... Args>
  Resource<T> resource(Args... args) {
    auto slot = std::make_shared<std::optional<T>>();
    resources_.push_back([slot, args...] { slot->emplace(args...); });
    return Resource<T>(std::move(slot));
  }

  template <Record T>
  Stream<T> source(std::string_view id, const SourceSpec<T>& spec);
  template <class S, class... Args>
  Stream<typename S::Output> source(std::string_view id, Args... args);
  /// Everything that operators of this job set aside.
  Stream<DeadLetter> dead_letters();

  Job& checkpoints(CheckpointOptions options) {
    graph_.checkpoints = {options.every, options.keep};
    return *this;
  }

  // For the engine and for streams.
  LogicalGraph& graph() { return graph_; }
  const LogicalGraph& graph() const { return graph_; }
  /// Completes the graph once the build function has returned: the ways of the dead letters.
  void finish();
  /// Parameters that could not be read, and given ones that nothing declared are the validator's business.
  const std::map<std::string, std::string>& given() const { return given_; }
  const std::vector<Problem>& problems() const { return problems_; }
  void add_problem(Problem problem) { problems_.push_back(std::move(problem)); }
  /// What its author may not have meant, and is no reason to refuse it. Behind finish().
  const std::vector<Problem>& warnings() const { return warnings_; }
  /// The same for files that a source would read; of no importance when a test feeds the sources.
  void add_file_problem(Problem problem) {
    if (!sources_are_fed_) add_problem(std::move(problem));
  }
  void feed_sources() { sources_are_fed_ = true; }
  void make_resources() const {
    for (const auto& make : resources_) make();
  }
  std::uint32_t add_operator(OperatorNode node, detail::OperatorImplementation code,
                             const std::vector<detail::Upstream>& from);
  const detail::OperatorImplementation& implementation(std::uint32_t node) const { return operators_[node]; }
  detail::OperatorImplementation& implementation(std::uint32_t node) { return operators_[node]; }
  const detail::EdgeImplementation& edge_implementation(std::uint32_t edge) const { return edges_[edge]; }
  /// For connectors that declare a group of parameters: the text given for one, or its default.
  std::string text_param(const std::string& name, const std::string& fallback, std::string_view help) {
    return param(name, fallback, help);
  }

 private:
  const ParameterDeclaration& declare(std::string_view name, ParameterKind kind, Schema type, std::string fallback,
                                      std::string_view help);
  template <class T>
  T read(const ParameterDeclaration& parameter, T fallback) {
    const auto found = given_.find(parameter.name);
    if (found == given_.end()) return fallback;
    T value{};
    return parse_text(found->second, value) ? value : fallback;  // the validator refuses what does not parse
  }
  std::vector<bool> below(std::uint32_t node) const;
  void warn_of_long_retries();
  void declare_lanes();
  void check_event_time();
  void replace_edges();

  std::map<std::string, std::string> given_;
  LogicalGraph graph_;
  std::vector<detail::OperatorImplementation> operators_;
  std::vector<detail::EdgeImplementation> edges_;
  std::vector<std::function<void()>> resources_;
  std::vector<Problem> problems_;
  std::vector<Problem> warnings_;
  bool sources_are_fed_ = false;
  std::optional<std::uint32_t> dead_letters_;
};

// --- registration
// -----------------------------------------------------------------------------------------------------

struct RegisteredJob {
  std::string name;
  std::string help;
  void (*build)(Job&);
};

/// The jobs of this library (or test program): hidden, so that two libraries in one process do not mix.
inline std::vector<RegisteredJob>& registered_jobs() {
  static std::vector<RegisteredJob> jobs;
  return jobs;
}
inline bool register_job(RegisteredJob job) {
  registered_jobs().push_back(std::move(job));
  return true;
}

/// What must be equal between the engine and a library for their C++ objects to fit: SDK version, compiler, standard
/// library and its string ABI.
#define FRESHET_SDK_VERSION "0.1.0"
#define FRESHET_TEXT_OF_(x) #x
#define FRESHET_TEXT_OF(x) FRESHET_TEXT_OF_(x)
#define FRESHET_ABI_TAG                                                                           \
  "freshet-" FRESHET_SDK_VERSION " g++-" FRESHET_TEXT_OF(__GNUC__) " libstdc++-" FRESHET_TEXT_OF( \
      _GLIBCXX_RELEASE) " cxx11abi-" FRESHET_TEXT_OF(_GLIBCXX_USE_CXX11_ABI)

}  // namespace freshet

// The two symbols that a loaded library must have. The tag is read, as text, before anything else is called.
extern "C" {
__attribute__((weak, used, visibility("default"))) const char* freshet_abi_tag() { return FRESHET_ABI_TAG; }
__attribute__((weak, used, visibility("default"))) const void* freshet_registered_jobs() {
  return &freshet::registered_jobs();
}
}

/// FRESHET_JOB(word_count, "what it does") { … uses `job` … }
#define FRESHET_JOB(name, help)                                      \
  static void freshet_build_##name(::freshet::Job& job);             \
  [[maybe_unused]] static const bool freshet_registered_##name =     \
      ::freshet::register_job({#name, help, &freshet_build_##name}); \
  static void freshet_build_##name([[maybe_unused]] ::freshet::Job& job)

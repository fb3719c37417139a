#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>

#include <freshet/freshet.h>

#include "runtime/base/random.h"
#include "tests/simulation/sim_executor.h"

/// The jobs that are simulated: what they read, what must come out, and how they are built.
namespace freshet::sim {

/// What flows through the jobs. `source` and `number` count the records of one key in the order they were made.
struct Item {
  std::uint64_t key = 0;
  std::uint32_t source = 0;
  std::uint64_t number = 0;
  std::int64_t value = 0;
  std::string text{};
  Time at{};
  auto operator<=>(const Item&) const = default;
  FRESHET_RECORD(key, source, number, value, text, at)
};

struct Total {
  std::uint64_t key = 0;
  std::uint64_t items = 0;
  std::int64_t sum = 0;
  void add(const Total& more) {
    key = more.key;
    items += more.items;
    sum += more.sum;
  }
  auto operator<=>(const Total&) const = default;
  FRESHET_RECORD(key, items, sum)
};

/// Where the sinks of a job put what they got. Like a file sink's, it counts only once it is committed, or without
/// checkpoints once the job has finished.
template <class T>
struct Shelf {
  std::vector<T> written{};                          ///< by all tasks, in the order of the simulation
  std::vector<T> published{};                        ///< what counts, in the order in which it came to
  bool commits = false;                              ///< there are checkpoints
  std::map<std::string, std::vector<T>> prepared{};  ///< durable, and waiting for a commit; by handle
  std::set<std::string> committed{};                 ///< handles
  int refusals = 0;                                  ///< so many calls that publish are still to fail
  bool refused = false;
  Spending* spending = nullptr;  ///< what hears of commits; may be null

  /// What must be right: all that was ever written, unless some of it may be given up.
  const std::vector<T>& seen() const { return commits ? published : written; }
  void commit(Attempt attempt, const std::string& handle) {
    refuse_if_told();
    if (spending != nullptr) spending->on_commit(attempt, handle);
    if (committed.contains(handle)) return;
    const auto found = prepared.find(handle);
    if (found == prepared.end()) throw std::logic_error("commit of " + handle + ", which was never prepared");
    published.insert(published.end(), found->second.begin(), found->second.end());
    committed.insert(handle);
    prepared.erase(found);
  }
  void refuse_if_told() {
    if (refusals == 0) return;
    --refusals;
    refused = true;
    throw std::runtime_error("the shelf is full");
  }
};

template <class K, class T>
class ShelfWriter final : public detail::RowWriter<K, T> {
 public:
  explicit ShelfWriter(std::shared_ptr<Shelf<T>> shelf) : shelf_(std::move(shelf)) {}
  void open(const SinkContext& context) override {
    shelf_->commits = context.commits;
    attempt_ = Attempt{context.attempt};
    prefix_ = "a" + std::to_string(context.attempt) + "-t" + std::to_string(context.task_index) + "-c";
  }
  void write(const typename detail::RowWriter<K, T>::Key*, const T& record) override {
    shelf_->written.push_back(record);
    mine_.push_back(record);
  }
  void finish() override {
    shelf_->refuse_if_told();
    shelf_->published.insert(shelf_->published.end(), mine_.begin(), mine_.end());
  }
  void prepare(std::uint64_t checkpoint, SnapshotOut& out, std::string_view operator_id) override {
    const std::string handle = std::string(operator_id) + " " + prefix_ + std::to_string(checkpoint);
    prepared_.emplace_back(checkpoint, handle);
    // A worker that is killed before this is done leaves nothing.
    out.before_done([shelf = shelf_, handle, rows = std::exchange(mine_, {})]() -> Status {
      shelf->prepared[handle] = rows;
      return {};
    });
    for (const auto& [number, each] : prepared_) out.ask_commit(operator_id, each);
  }
  void commit(std::uint64_t checkpoint) override {
    for (; !prepared_.empty() && prepared_.front().first <= checkpoint; prepared_.pop_front())
      shelf_->commit(attempt_, prepared_.front().second);
  }
  void recover(const std::vector<std::string>& handles) override {
    for (const auto& handle : handles) shelf_->commit(attempt_, handle);
  }

 private:
  std::shared_ptr<Shelf<T>> shelf_;
  Attempt attempt_{};
  std::string prefix_;
  std::vector<T> mine_;
  std::deque<std::pair<std::uint64_t, std::string>> prepared_;  // checkpoint and handle
};

template <class R>
struct ShelfSink {
  std::shared_ptr<Shelf<R>> shelf;
  std::string description() const { return "shelf"; }
  std::string guarantee() const { return "exactly-once"; }
  template <class K, class T>
  std::unique_ptr<detail::RowWriter<K, T>> make(const std::vector<std::string>&) const {
    return std::make_unique<ShelfWriter<K, T>>(shelf);
  }
};

/// Records by partition, made before the job starts.
using Feed = std::vector<std::vector<Item>>;

/// Gives out a feed, some records at a time, and now and then nothing for a while.
class FeedSource final : public Source<Item> {
 public:
  FeedSource(std::shared_ptr<const Feed> feed, Spending* spending, std::uint64_t seed)
      : feed_(std::move(feed)), spending_(spending), random_(seed) {}
  std::vector<Split> discover() override {
    std::vector<Split> splits;
    for (std::size_t i = 0; i < feed_->size(); ++i)
      splits.push_back({.partition = std::to_string(i), .end = (*feed_)[i].size()});
    return splits;
  }
  Progress read(Split& split, Out<Item>& out) override {
    if (spending_->sources_fail) throw SourceFailed("the disk is gone");
    if (random_.chance(0.05)) return Progress::idle;
    const auto& records = (*feed_)[std::stoul(split.partition)];
    spending_->spent += Nanoseconds(random_.between(0, 100'000));
    for (auto most = random_.between(1, 600); most > 0 && split.position < split.end && !out.full(); --most)
      out.emit(records[split.position++]);
    return split.position == split.end ? Progress::done : Progress::progress;
  }

 private:
  std::shared_ptr<const Feed> feed_;
  Spending* spending_;
  base::Random random_;
};

/// One job with its input and its truth; `build` is called in every worker, the rest by the simulation.
class Topology {
 public:
  virtual ~Topology() = default;
  virtual void build(Job& job) const = 0;
  /// What is wrong with the results; empty: nothing. `finished`: all must be there; else what is there must be right.
  virtual std::string wrong(bool finished) const = 0;
  /// Whatever was published.
  virtual bool published_any() const = 0;
  virtual void refuse_to_publish() = 0;
  virtual bool has_refused() const = 0;
  /// Operators whose dead letters are kept; they are replayed now and then.
  virtual std::vector<std::string> keep_letters() const { return {}; }
  /// What is wrong with so many letters left when the job has finished; empty: nothing.
  virtual std::string wrong_letters(std::uint64_t /*kept*/) const { return {}; }
  /// Encoded, or in a batch.
  virtual std::uint64_t largest_record_bytes() const { return 512; }
  virtual std::uint32_t tasks() const = 0;
  /// What stands in one output at most, bytes with all that is kept of each record; 0: no call emits very much.
  virtual std::uint64_t overflow_bytes() const { return 0; }
};

struct TopologyOptions {
  std::uint64_t seed = 1;
  bool full_size = false;
  Spending* spending = nullptr;
};

/// burst, fan_out, diamond, behaviour, timers, windows, retries, letters. Null: there is no such.
std::unique_ptr<Topology> make_topology(const std::string& name, const TopologyOptions& options);
const std::vector<std::string>& topology_names();

}  // namespace freshet::sim

#pragma once

#include <algorithm>
#include <map>
#include <memory>
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
  auto operator<=>(const Item&) const = default;
  FRESHET_RECORD(key, source, number, value, text)
};

struct Total {
  std::uint64_t key = 0;
  std::uint64_t items = 0;
  std::int64_t sum = 0;
  auto operator<=>(const Total&) const = default;
  FRESHET_RECORD(key, items, sum)
};

/// Where the sinks of a job put what they got. Like a file sink's, it counts only once the job has finished.
template <class T>
struct Shelf {
  std::vector<T> written{};    ///< by all tasks, in the order of the simulation
  std::vector<T> published{};  ///< by tasks that were told that the job has finished
  bool refuse_to_publish = false;
  bool refused_to_publish = false;
};

template <class K, class T>
class ShelfWriter final : public detail::RowWriter<K, T> {
 public:
  explicit ShelfWriter(std::shared_ptr<Shelf<T>> shelf) : shelf_(std::move(shelf)) {}
  void open(const SinkContext&) override {}
  void write(const typename detail::RowWriter<K, T>::Key*, const T& record) override {
    shelf_->written.push_back(record);
    mine_.push_back(record);
  }
  void finish() override {
    shelf_->refused_to_publish = shelf_->refuse_to_publish;
    if (shelf_->refuse_to_publish) throw std::runtime_error("the shelf is full");
    shelf_->published.insert(shelf_->published.end(), mine_.begin(), mine_.end());
  }

 private:
  std::shared_ptr<Shelf<T>> shelf_;
  std::vector<T> mine_;
};

template <class R>
struct ShelfSink {
  std::shared_ptr<Shelf<R>> shelf;
  std::string description() const { return "shelf"; }
  std::string guarantee() const { return "at-least-once"; }
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
  virtual bool refuses_to_publish() const = 0;
  /// Encoded, or in a batch.
  virtual std::uint64_t largest_record_bytes() const { return 512; }
  /// Barriers are sent through.
  virtual bool takes_barriers() const { return false; }
  virtual std::uint32_t tasks() const = 0;
  /// What stands in one output at most, bytes with all that is kept of each record; 0: no call emits very much.
  virtual std::uint64_t overflow_bytes() const { return 0; }
};

struct TopologyOptions {
  std::uint64_t seed = 1;
  bool full_size = false;
  Spending* spending = nullptr;
};

/// burst, fan_out, diamond, behaviour. Null: there is no such.
std::unique_ptr<Topology> make_topology(const std::string& name, const TopologyOptions& options);
const std::vector<std::string>& topology_names();

}  // namespace freshet::sim

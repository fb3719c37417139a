#include <freshet/sink_harness.h>
#include <gmock/gmock.h>

/// Three sinks on stores in memory, right and wrong in every way we could think of: the harness must tell them apart.
namespace freshet {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

struct Sale {
  std::uint64_t number = 0;
  std::uint64_t amount = 0;
  FRESHET_RECORD(number, amount)
};

std::vector<Sale> sales() {
  std::vector<Sale> rows;
  for (std::uint64_t i = 0; i < 12; ++i) rows.push_back({i, i * 10});
  return rows;
}

// --- two-phase

enum class Flaw {
  none,
  seen_at_once,           // write() does not wait for the commit
  seen_when_prepared,     // prepare() does not, either
  appends_again,          // a commit that comes again
  refuses_again,          //   "
  keeps_in_memory,        // what is prepared dies with the process
  never_closes,           // rows behind a barrier go to the piece before it
  forgets_the_attempt,    // names of two attempts are the same
  forgets_the_task,       // names of two tasks are the same
  aborts_of_all_tasks,    // also what others will commit
  aborts_when_closed,     // what the checkpoint may hold
  commits_when_closed,    // what no checkpoint holds
  loses_the_last_row,     // of each piece
  none_but_never_aborts,  // no flaw: leftovers are seen by nobody
};

struct Pieces {
  std::map<std::string, std::vector<Sale>> prepared{};  // by name, durable
  std::map<std::string, std::vector<Sale>> committed{};
  std::vector<Sale> seen{};
};

struct PieceName {
  std::uint32_t attempt = 0, task = 0, number = 0;
  FRESHET_RECORD(attempt, task, number)
};

class PiecesSink final : public TransactionalSink<Sale, PieceName> {
 public:
  PiecesSink(std::shared_ptr<Pieces> store, Flaw flaw) : store_(std::move(store)), flaw_(flaw) {}

  void write(const Sale& sale) override {
    if (flaw_ == Flaw::seen_at_once) store_->seen.push_back(sale);
    open_.push_back(sale);
  }
  PieceName prepare() override {
    PieceName name{context().attempt, context().task_index, flaw_ == Flaw::never_closes ? 1 : ++pieces_};
    if (flaw_ == Flaw::forgets_the_attempt) name.attempt = 0;
    if (flaw_ == Flaw::forgets_the_task) name.task = 0;
    if (flaw_ == Flaw::loses_the_last_row) open_.pop_back();
    if (flaw_ == Flaw::seen_when_prepared) store_->seen.insert(store_->seen.end(), open_.begin(), open_.end());
    auto& prepared = flaw_ == Flaw::keeps_in_memory ? mine_ : store_->prepared;
    prepared[text(name)] = open_;
    if (flaw_ != Flaw::never_closes) open_.clear();
    return name;
  }
  void commit(const PieceName& name) override {
    if (flaw_ == Flaw::seen_at_once || flaw_ == Flaw::seen_when_prepared) return;
    auto& prepared = flaw_ == Flaw::keeps_in_memory ? mine_ : store_->prepared;
    const auto found = prepared.find(text(name));
    if (found == prepared.end()) {
      const bool again = store_->committed.contains(text(name));
      if (!again || flaw_ == Flaw::refuses_again) throw std::runtime_error("there is no piece " + text(name));
      if (flaw_ == Flaw::appends_again) append(store_->committed[text(name)]);
      return;
    }
    append(found->second);
    store_->committed[text(name)] = found->second;
    prepared.erase(found);
  }
  void abort(const PieceName& name) override { store_->prepared.erase(text(name)); }
  std::vector<PieceName> prepared_before() override {
    std::vector<PieceName> names;
    if (flaw_ == Flaw::none_but_never_aborts) return names;
    for (const auto& [bytes, piece] : store_->prepared) {
      PieceName name;
      if (!decode_all(bytes, name) || name.attempt >= context().attempt) continue;
      if (name.task % context().parallelism == context().task_index || flaw_ == Flaw::aborts_of_all_tasks)
        names.push_back(name);
    }
    return names;
  }
  void close() override {
    if (flaw_ == Flaw::aborts_when_closed) store_->prepared.clear();
    if (flaw_ == Flaw::commits_when_closed) append(open_);
  }

 private:
  static std::string text(const PieceName& name) {
    ByteBuffer bytes;
    encode(bytes, name);
    return std::string(bytes.view());
  }
  void append(const std::vector<Sale>& piece) { store_->seen.insert(store_->seen.end(), piece.begin(), piece.end()); }

  std::shared_ptr<Pieces> store_;  // shared with the test, as a store is with its readers
  const Flaw flaw_;
  std::uint32_t pieces_ = 0;
  std::vector<Sale> open_;
  std::map<std::string, std::vector<Sale>> mine_;
};

std::vector<std::string> check_pieces(Flaw flaw) {
  SinkHarness<PiecesSink> harness([flaw] {
    const auto store = std::make_shared<Pieces>();
    return SinkStore<PiecesSink>{[store, flaw] { return std::make_unique<PiecesSink>(store, flaw); },
                                 [store] { return store->seen; }};
  });
  return harness.check(sales());
}

TEST(SinkHarness, ATwoPhaseSinkThatKeepsItsPromisesPasses) {
  EXPECT_THAT(check_pieces(Flaw::none), IsEmpty());
  EXPECT_THAT(check_pieces(Flaw::none_but_never_aborts), IsEmpty());
}

TEST(SinkHarness, EachFlawOfATwoPhaseSinkIsFound) {
  for (const Flaw flaw :
       {Flaw::seen_at_once, Flaw::seen_when_prepared, Flaw::appends_again, Flaw::refuses_again, Flaw::keeps_in_memory,
        Flaw::never_closes, Flaw::forgets_the_attempt, Flaw::forgets_the_task, Flaw::aborts_of_all_tasks,
        Flaw::aborts_when_closed, Flaw::commits_when_closed, Flaw::loses_the_last_row})
    EXPECT_THAT(check_pieces(flaw), Not(IsEmpty())) << "flaw " << static_cast<int>(flaw);
}

TEST(SinkHarness, SaysWhichRowWhenAndWhy) {
  EXPECT_EQ(check_pieces(Flaw::seen_at_once).at(0),
            "an attempt with 1 tasks crashes at point 0, one with 1 goes on: {\"number\":0,\"amount\":0} is visible "
            "behind a write, and its checkpoint is not complete");
}

// --- by key

enum class TableFlaw {
  none,
  ignores_versions,
  refuses_equal,     // the second put of an epoch
  compares_epochs,   // and not attempts
  never_flushes,     // a buffer that the barrier leaves alone
  keeps_the_first,   // value of a key
  keeps_all_values,  // of a key
};

struct Cell {
  Version version{};
  Sale sale{};
};
using Cells = std::multimap<std::string, Cell>;

class TableSink final : public UpsertSink<std::string, Sale> {
 public:
  TableSink(std::shared_ptr<Cells> store, TableFlaw flaw) : store_(std::move(store)), flaw_(flaw) {}
  void put(const std::string& key, const Sale& sale, Version version) override {
    buffer_.push_back({key, {version, sale}});
  }
  void flush() override {
    if (flaw_ == TableFlaw::never_flushes && buffer_.size() < 4) return;
    for (const auto& [key, cell] : buffer_) {
      const auto found = store_->find(key);
      if (found == store_->end() || flaw_ == TableFlaw::keeps_all_values)
        store_->insert({key, cell});
      else if (takes(found->second.version, cell.version))
        found->second = cell;
    }
    buffer_.clear();
  }

 private:
  bool takes(const Version& has, const Version& comes) const {
    if (flaw_ == TableFlaw::ignores_versions) return true;
    if (flaw_ == TableFlaw::refuses_equal) return comes > has;
    if (flaw_ == TableFlaw::compares_epochs) return comes.epoch >= has.epoch;
    if (flaw_ == TableFlaw::keeps_the_first) return false;
    return comes >= has;
  }
  std::shared_ptr<Cells> store_;  // shared with the test, as a store is with its readers
  const TableFlaw flaw_;
  std::vector<std::pair<std::string, Cell>> buffer_;
};

std::vector<std::string> check_table(TableFlaw flaw) {
  SinkHarness<TableSink> harness([flaw] {
    const auto store = std::make_shared<Cells>();
    return SinkStore<TableSink>{[store, flaw] { return std::make_unique<TableSink>(store, flaw); },
                                [store] {
                                  SinkHarness<TableSink>::Rows rows;
                                  for (const auto& [key, cell] : *store) rows.push_back({key, cell.sale});
                                  return rows;
                                }};
  });
  SinkHarness<TableSink>::Rows rows;
  for (const auto& sale : sales()) rows.push_back({"shop-" + std::to_string(sale.number % 3 % 2), sale});
  return harness.check(rows);
}

TEST(SinkHarness, AnUpsertSinkThatKeepsItsPromisesPasses) { EXPECT_THAT(check_table(TableFlaw::none), IsEmpty()); }

TEST(SinkHarness, EachFlawOfAnUpsertSinkIsFound) {
  for (const TableFlaw flaw : {TableFlaw::ignores_versions, TableFlaw::refuses_equal, TableFlaw::compares_epochs,
                               TableFlaw::never_flushes, TableFlaw::keeps_the_first, TableFlaw::keeps_all_values})
    EXPECT_THAT(check_table(flaw), Not(IsEmpty())) << "flaw " << static_cast<int>(flaw);
}

// --- at least once

enum class LogFlaw { none, never_flushes, drops_some, makes_some_up };

class LogSink final : public Sink<Sale> {
 public:
  LogSink(std::shared_ptr<std::vector<Sale>> store, LogFlaw flaw) : store_(std::move(store)), flaw_(flaw) {}
  void write(const Sale& sale) override {
    if (flaw_ == LogFlaw::drops_some && sale.number == 7) return;
    if (flaw_ == LogFlaw::makes_some_up && sale.number == 7) buffer_.push_back({99, 0});
    buffer_.push_back(sale);
  }
  void flush() override {
    if (flaw_ == LogFlaw::never_flushes) return;
    store_->insert(store_->end(), buffer_.begin(), buffer_.end());
    buffer_.clear();
  }

 private:
  std::shared_ptr<std::vector<Sale>> store_;  // shared with the test, as a store is with its readers
  const LogFlaw flaw_;
  std::vector<Sale> buffer_;
};

std::vector<std::string> check_log(LogFlaw flaw) {
  SinkHarness<LogSink> harness([flaw] {
    const auto store = std::make_shared<std::vector<Sale>>();
    return SinkStore<LogSink>{[store, flaw] { return std::make_unique<LogSink>(store, flaw); },
                              [store] { return *store; }};
  });
  return harness.check(sales());
}

TEST(SinkHarness, OfAnAtLeastOnceSinkOnlyLossIsAFlaw) {
  EXPECT_THAT(check_log(LogFlaw::none), IsEmpty());
  for (const LogFlaw flaw : {LogFlaw::never_flushes, LogFlaw::drops_some, LogFlaw::makes_some_up})
    EXPECT_THAT(check_log(flaw), Not(IsEmpty())) << "flaw " << static_cast<int>(flaw);
}

}  // namespace
}  // namespace freshet

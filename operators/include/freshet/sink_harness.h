#pragma once

#include <functional>
#include <map>
#include <memory>

#include <freshet/operator_harness.h>
#include <freshet/sinks.h>

/// Tests a sink class for what it promises: attempts write, prepare, crash at every point in turn, and another attempt
/// with as many or other tasks goes on, while the crashed one may still do what was under way.
namespace freshet {

namespace detail {

/// What a sink writes and a store shows: records, or keys with records.
template <class S>
struct SinkRow {
  using type = typename S::Input;
};
template <IsUpsertSink S>
struct SinkRow<S> {
  using type = std::pair<typename S::Key, typename S::Input>;
};

class HarnessSnapshot final : public SnapshotOut {
 public:
  void begin(std::string_view, std::string_view, std::string_view) override {}
  void put(std::string_view) override {}
  void ask_commit(std::string_view, std::string_view handle) override { handles.emplace_back(handle); }
  void before_done(std::function<Status()> work) override {
    if (const auto done = work(); !done) throw std::runtime_error(done.error().message);
  }
  std::vector<std::string> handles;
};

}  // namespace detail

/// A store that holds nothing yet: how a task makes its sink on it, and what somebody who reads it sees, in any order.
/// Of an UpsertSink: one row for each key.
template <class S>
struct SinkStore {
  std::function<std::unique_ptr<S>()> make;
  std::function<std::vector<typename detail::SinkRow<S>::type>()> visible;
};

/// check() runs some hundred scenes, each in a store of its own. It does not wait, and has no chance in it.
///
///   SinkHarness<MySink> harness([] { auto table = std::make_shared<Table>(); return SinkStore<MySink>{…}; });
///   EXPECT_THAT(harness.check(rows), IsEmpty());
template <class S>
class SinkHarness {
  static constexpr bool kUpsert = detail::IsUpsertSink<S>;
  static constexpr bool kTransactional = detail::IsTransactionalSink<S>;
  using T = typename S::Input;

 public:
  using Row = typename detail::SinkRow<S>::type;
  using Rows = std::vector<Row>;

  explicit SinkHarness(std::function<SinkStore<S>()> new_store) : new_store_(std::move(new_store)) {}

  /// What is wrong with the sink, in sentences; empty when all is well; the first ten scenes that go wrong. `rows`,
  /// eight or more, are written in this order. Of an UpsertSink some should share their keys, else they should all
  /// differ.
  std::vector<std::string> check(const Rows& rows) {
    if (rows.size() < 2 * kEpochs) throw std::logic_error("SinkHarness needs at least eight rows");
    constexpr std::size_t kMostProblems = 10;
    std::vector<std::string> texts;
    for (const auto& row : rows) texts.push_back(text_of(row));
    std::vector<std::string> problems;
    for (const auto& [before, after] : {std::pair(1u, 1u), {2u, 2u}, {2u, 1u}, {1u, 3u}}) {
      for (const End end : {End::crash, End::close, End::thought_dead}) {
        bool crashed = true;
        for (std::uint32_t point = 0; crashed; ++point) {
          // The second attempt ends well at once where its own crash would come behind its end.
          for (std::uint32_t second = kNever; problems.size() < kMostProblems;
               second = second == kNever ? point % kStride : second + kStride) {
            Scene scene{rows, texts, new_store_()};
            const auto crashes = scene.play({before, after, end, point, second});
            if (!scene.problem.empty()) problems.push_back(scene.problem);
            crashed = crashes != 0;
            if (end != End::crash || (second != kNever && crashes < 2)) break;
          }
          if (problems.size() == kMostProblems) return problems;
        }
      }
    }
    return problems;
  }

 private:
  static constexpr std::uint32_t kEpochs = 4;
  enum class End : std::uint8_t { crash, close, thought_dead };
  static constexpr std::uint32_t kNever = ~0u;
  static constexpr std::uint32_t kStride = 5;  // second crashes are at every fifth point, at others behind each first
  struct Crash {};
  struct Plot {
    std::uint32_t before = 1, after = 1;  ///< tasks
    End end = End::crash;                 ///< of the first attempt
    std::uint32_t point = 0;              ///< of the first attempt, where it ends
    std::uint32_t second_point = kNever;  ///< where the second crashes
  };

  static std::string key_of(const Row& row) {
    std::string text;
    if constexpr (kUpsert)
      append_json(text, row.first);
    else
      append_json(text, row);
    return text;
  }
  static std::string text_of(const Row& row) {
    std::string text = key_of(row);
    if constexpr (kUpsert) {
      text += ": ";
      append_json(text, row.second);
    }
    return text;
  }

  /// One task's stage with its engine.
  struct Task {
    detail::HarnessHost host;
    detail::SinkStageOf<S> stage;
    explicit Task(std::unique_ptr<S> sink) : stage(std::move(sink)) {}
  };

  struct Attempt {
    std::uint32_t number = 1;
    std::uint32_t parallelism = 1;
    std::uint32_t crash_at = kNever;  ///< point of the attempt
    std::uint32_t point = 0;
    std::size_t next_row = 0;
    std::vector<std::unique_ptr<Task>> tasks{};
    std::uint64_t checkpoint(std::uint32_t epoch) const { return number * 1000 + epoch; }
    void may_crash() {
      if (point++ == crash_at) throw Crash{};
    }
  };

  struct Scene {
    const Rows& rows;
    const std::vector<std::string>& texts;  ///< of the rows
    SinkStore<S> store;
    std::string problem{};

    std::uint32_t complete = 0;                       ///< newest epoch whose checkpoint is complete
    std::uint32_t committed = 0;                      ///< newest epoch whose commits have been done
    std::vector<std::vector<std::string>> handles{};  ///< of the complete checkpoint, by task

    /// How many of the two attempts did not come to their end.
    std::uint32_t play(const Plot& plot) {
      Attempt first{.number = 1, .parallelism = plot.before, .crash_at = plot.point};
      Attempt second{.number = 2, .parallelism = plot.after, .crash_at = plot.second_point};
      Attempt third{.number = 3, .parallelism = plot.before};
      std::uint32_t crashes = 0;
      try {
        if (!goes_on(first)) {
          ++crashes;
          if (plot.end == End::close) close(first, false);
          if (!goes_on(second, plot.end == End::thought_dead ? &first : nullptr)) {
            ++crashes;
            goes_on(third);
          }
        }
      } catch (const std::exception& error) {
        say(std::string("the sink throws: ") + error.what());
      }
      if (!problem.empty()) problem = in_words(plot, crashes) + ": " + problem;
      return crashes;
    }

   private:
    void say(const std::string& what) {
      if (problem.empty()) problem = what;
    }

    static std::string in_words(const Plot& plot, std::uint32_t crashes) {
      const char* how = plot.end == End::crash ? "crashes" : plot.end == End::close ? "is closed" : "is thought dead";
      std::string text = "an attempt with " + std::to_string(plot.before) + " tasks " + how + " at point " +
                         std::to_string(plot.point) + ", one with " + std::to_string(plot.after) + " goes on";
      if (crashes == 2) text += " and crashes at point " + std::to_string(plot.second_point) + ", a third goes on";
      return text;
    }
    bool goes_on(Attempt& attempt, Attempt* thought_dead = nullptr) {
      try {
        go_on(attempt, thought_dead);
        return true;
      } catch (const Crash&) {
        return false;
      }
    }

    /// From the newest complete checkpoint to the end of the stream. The second epoch's is never complete, and the
    /// third's commit comes when rows of the fourth have been written.
    void go_on(Attempt& attempt, Attempt* thought_dead = nullptr) {
      open(attempt);
      committed = complete;
      look("behind the recovery");
      if (thought_dead != nullptr) act_late(*thought_dead);
      std::map<std::string, std::string> put;
      attempt.next_row = first_of(complete + 1);
      for (std::uint32_t epoch = complete + 1; epoch <= kEpochs; ++epoch) {
        for (std::size_t i = first_of(epoch); i < first_of(epoch + 1); ++i) {
          attempt.may_crash();
          write(attempt, i);
          attempt.next_row = i + 1;
          if constexpr (!kTransactional) put[key_of(rows[i])] = texts[i];
          if (epoch == kEpochs && i == first_of(epoch) && committed < 3 && attempt.number == 1) commit(attempt, 3);
          look("behind a write");
        }
        if (epoch == kEpochs)
          for (auto& task : attempt.tasks) static_cast<void>(task->stage.finish());
        auto prepared = prepare(attempt, epoch);
        look_for(put);
        if (epoch == 2) continue;
        attempt.may_crash();
        complete = epoch;
        handles = std::move(prepared);
        if (epoch != 3 || attempt.number != 1) commit(attempt, epoch);
      }
      if (thought_dead != nullptr) write_late(*thought_dead, (rows.size() - thought_dead->next_row) / 2);
      attempt.may_crash();
      close(attempt, true);
      look("at the end");
    }

    void open(Attempt& attempt) {
      const std::uint32_t tasks = attempt.parallelism;
      for (std::uint32_t index = 0; index < tasks; ++index) {
        attempt.may_crash();
        auto& task = *attempt.tasks.emplace_back(std::make_unique<Task>(store.make()));
        task.host.operator_id = "sink";
        task.host.task_index = index;
        task.host.parallelism = tasks;
        task.host.commits = true;
        task.host.run = "harness";
        task.host.attempt = attempt.number;
        task.stage.open(task.host);
        std::vector<std::string> own;
        for (std::size_t i = index; i < handles.size(); i += tasks)
          own.insert(own.end(), handles[i].begin(), handles[i].end());
        task.stage.recover(own);
      }
    }
    void write(Attempt& attempt, std::size_t i) {
      std::size_t owner = i;
      RecordMeta meta{.position = {1, i + 1}};
      if constexpr (kUpsert) {
        detail::KeyedBatch<typename S::Key, T> batch;
        batch.keys.add() = rows[i].first;
        batch.records.add() = rows[i].second;
        owner = meta.key_hash = key_hash(rows[i].first);
        batch.metas.push_back(meta);
        static_cast<void>(attempt.tasks[owner % attempt.tasks.size()]->stage.process(0, batch, 0));
      } else {
        detail::Batch<T> batch;
        batch.records.add() = rows[i];
        batch.metas.push_back(meta);
        static_cast<void>(attempt.tasks[owner % attempt.tasks.size()]->stage.process(0, batch, 0));
      }
    }
    std::vector<std::vector<std::string>> prepare(Attempt& attempt, std::uint32_t epoch) {
      std::vector<std::vector<std::string>> all;
      for (auto& task : attempt.tasks) {
        attempt.may_crash();
        detail::HarnessSnapshot snapshot;
        task->stage.prepare(attempt.checkpoint(epoch), snapshot, "sink");
        all.push_back(std::move(snapshot.handles));
        look("behind a prepare");
      }
      return all;
    }
    void commit(Attempt& attempt, std::uint32_t epoch) {
      for (auto& task : attempt.tasks) {
        attempt.may_crash();
        task->stage.commit(attempt.checkpoint(epoch));
        look("behind a commit");
      }
      committed = epoch;
    }
    void close(Attempt& attempt, bool finished) {
      for (auto& task : attempt.tasks) task->stage.close(finished);
      attempt.tasks.clear();
    }

    /// Behind the next attempt's recovery comes a commit that had been ordered, and the row that was about to be
    /// written.
    void act_late(Attempt& dead) {
      if (dead.tasks.size() != dead.parallelism) return;
      for (auto& task : dead.tasks) task->stage.commit(dead.checkpoint(complete));
      write_late(dead, 1);
    }
    /// Some rows after those that it has written, and what gets ready for a checkpoint that will not be.
    void write_late(Attempt& dead, std::size_t most) {
      if (dead.tasks.size() != dead.parallelism) return;
      for (; most-- != 0 && dead.next_row < rows.size(); ++dead.next_row) try_late([&] { write(dead, dead.next_row); });
      for (auto& task : dead.tasks) {
        detail::HarnessSnapshot snapshot;
        try_late([&] { task->stage.prepare(dead.checkpoint(kEpochs + 1), snapshot, "sink"); });
      }
      look("behind an attempt that was thought dead");
    }
    /// It may find that its place is taken, and say so.
    template <class Act>
    static void try_late(Act act) {
      try {
        act();
      } catch (const std::exception&) {
      }
    }

    std::size_t first_of(std::uint32_t epoch) const { return rows.size() * (epoch - 1) / kEpochs; }

    /// What may be seen now, and what must.
    void look(const std::string& when) {
      if constexpr (kUpsert) {
        if (complete < kEpochs || (when != "at the end" && !when.ends_with("thought dead"))) return;
        std::map<std::string, std::string> all;
        for (std::size_t i = 0; i < rows.size(); ++i) all[key_of(rows[i])] = texts[i];
        look_for(all);
        if (store.visible().size() != all.size()) say("other keys are visible than were put");
      } else {
        std::map<std::string, std::uint64_t> seen;
        for (const auto& row : store.visible()) ++seen[text_of(row)];
        const bool all_must_be_seen = kTransactional || when == "at the end";
        for (std::size_t i = 0; i < rows.size(); ++i) {
          const auto found = seen.find(texts[i]);
          if (found == seen.end()) {
            if (all_must_be_seen && i < first_of(committed + 1))
              say(texts[i] + " is committed and not visible " + when);
            continue;
          }
          if (kTransactional && i >= first_of(complete + 1))
            say(texts[i] + " is visible " + when + ", and its checkpoint is not complete");
          if (kTransactional && found->second > 1)
            say(texts[i] + " is visible " + std::to_string(found->second) + " times " + when);
          seen.erase(found);
        }
        if (!seen.empty()) say(seen.begin()->first + " is visible, and nobody wrote it");
      }
    }
    /// Behind a barrier, sinks without commits hold what was written.
    void look_for(const std::map<std::string, std::string>& written) {
      if constexpr (!kTransactional) {
        std::map<std::string, std::string> seen;
        for (const auto& row : store.visible()) seen[key_of(row)] = text_of(row);
        for (const auto& [key, text] : written) {
          const auto found = seen.find(key);
          if (found == seen.end())
            say(text + " is not in the store behind a barrier");
          else if (found->second != text)
            say("the store holds " + found->second + " instead of " + text);
        }
      }
    }
  };

  std::function<SinkStore<S>()> new_store_;
};

}  // namespace freshet

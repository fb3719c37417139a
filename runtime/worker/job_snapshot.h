#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/task/chain.h"

/// A job's snapshot in memory, for jobs that run in one thread: what each task saved at one barrier.
namespace freshet::worker {

/// What one task saved.
class TaskSnapshot final : public SnapshotOut {
 public:
  void begin(std::string_view operator_id, std::string_view kind, std::string_view name) override {
    lists_.push_back({std::string(operator_id), std::string(kind), std::string(name), {}});
  }
  void put(std::string_view record) override { lists_.back().records.emplace_back(record); }
  void ask_commit(std::string_view operator_id, std::string_view handle) override {
    handles_[std::string(operator_id)].emplace_back(handle);
  }
  void before_done(std::function<Status()> work) override {
    if (const auto done = work(); !done) throw task::TaskFailure("", "snapshot", done.error().message);
  }
  /// Gives it all to a chain that has not been opened.
  void restore_to(task::Chain& chain, const RestoreScope& scope) const {
    for (const bool states : {true, false}) {  // what operators have saved themselves may speak of their entries
      for (const auto& list : lists_) {
        for (std::size_t i = 0; i < list.records.size() && (list.kind == "state") == states; ++i)
          chain.restore({list.operator_id, list.kind, list.name, list.records[i], i == 0}, scope);
      }
    }
  }
  /// Of all records.
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const auto& list : lists_)
      for (const auto& record : list.records) sum += record.size();
    return sum;
  }
  /// What sinks asked to have committed, by operator.
  const std::map<std::string, std::vector<std::string>>& handles() const { return handles_; }

 private:
  struct List {
    std::string operator_id{};
    std::string kind{};
    std::string name{};
    std::vector<std::string> records{};
  };
  std::vector<List> lists_;
  std::map<std::string, std::vector<std::string>> handles_;
};

using JobSnapshot = std::map<TaskId, std::shared_ptr<const TaskSnapshot>>;  // shared by engines that begin from it

}  // namespace freshet::worker

#pragma once

#include <freshet/freshet.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "runtime/worker/local_engine.h"
#include "runtime/worker/read_service.h"

/// A job whose state can be read, and what that must be, counted apart.
namespace freshet::live_job_test {

struct Purchase {
  std::string user{};
  std::uint64_t item = 0;
  std::int64_t amount = 0;
  FRESHET_RECORD(user, item, amount)
};
struct Spent {
  std::uint64_t purchases = 0;
  std::int64_t amount = 0;
  FRESHET_RECORD(purchases, amount)
};

enum class Size : std::int8_t { small = -1, large = 1 };
FRESHET_ENUM(Size, small, large)

inline constexpr std::uint64_t kPurchases = 3'000;
inline constexpr std::uint64_t kUsers = 60;

inline Purchase purchase(std::uint64_t number) {
  return {"user " + std::to_string(number * 7 % kUsers), number % 41, static_cast<std::int64_t>(number % 13)};
}

class Purchases final : public Source<Purchase> {
 public:
  std::vector<Split> discover() override { return {{.partition = "all", .end = kPurchases}}; }
  Progress read(Split& split, Out<Purchase>& out) override {
    while (split.position < split.end && !out.full()) out.emit(purchase(split.position++));
    return split.position == split.end ? Progress::done : Progress::progress;
  }
};

struct Basket final : KeyedOperator<std::string, Purchase, Purchase> {
  void process(const Purchase& bought, Out<Purchase>&) override {
    ++items[bought.item];
    ++sizes[bought.item < 20 ? Size::small : Size::large];
    secret.set(bought.item);
  }
  MapState<std::uint64_t, std::uint64_t> items{this, "items", {.queryable = true}};
  MapState<Size, std::uint64_t> sizes{this, "sizes", {.queryable = true}};
  ValueState<std::uint64_t> secret{this, "secret"};
};

template <class T>
struct Nowhere final : Sink<T> {
  void write(const T&) override {}
};

/// The job in an engine whose tasks a thread steps, and what was put in.
class RunningJob {
 public:
  explicit RunningJob(bool steps = true) {
    const auto by_user = job_.source<Purchases>("purchases").key_by(&Purchase::user);
    by_user
        .fold("spent",
              [](Spent& total, const Purchase& bought) {
                ++total.purchases;
                total.amount += bought.amount;
              })
        .queryable()
        .emit(at_end())
        .sink<Nowhere<Spent>>("spent_sink");
    by_user.process<Basket>("basket").sink<Nowhere<Purchase>>("basket_sink");
    job_.finish();
    engine_ =
        std::make_unique<worker::LocalEngine>(job_, worker::LocalEngine::Options{.parallelism = 4, .snapshots = true});
    for (const auto& problem : engine_->problems()) ADD_FAILURE() << problem.where << ": " << problem.message;
    engine_->start();
    engine_->run(1'000'000);
    for (std::uint64_t number = 0; number < kPurchases; ++number) {
      const Purchase bought = purchase(number);
      ++spent[bought.user].purchases;
      spent[bought.user].amount += bought.amount;
      ++items[bought.user][bought.item];
    }
    if (steps) go_on();
  }
  ~RunningJob() {
    is_to_end_ = true;
    if (thread_.joinable()) thread_.join();
    engine_->close();
  }

  void go_on() {
    thread_ = std::thread([this] {
      const auto tasks = engine_->tasks();
      while (!is_to_end_) {
        for (auto* task : tasks) (void)task->step();
        std::this_thread::yield();
      }
    });
  }

  /// As the worker `number` of `workers` sees it, among which the tasks are dealt out.
  std::shared_ptr<worker::LiveJob> as_seen_by(std::uint32_t number, std::uint32_t workers) {
    if (plan_.tasks.empty()) {
      plan_ = engine_->plan();
      for (auto& placed : plan_.tasks) placed.worker = placed.index % workers;
    }
    auto live = std::make_shared<worker::LiveJob>();
    live->self = {{1}, {3}, {number}};
    live->graph = &job_.graph();
    live->plan = &plan_;
    for (auto* task : engine_->tasks())
      if (task->id().index % workers == number) live->tasks.push_back(task);
    live->checkpoint = 12;
    return live;
  }

  std::map<std::string, Spent> spent;
  std::map<std::string, std::map<std::uint64_t, std::uint64_t>> items;

 private:
  Job job_;
  std::unique_ptr<worker::LocalEngine> engine_;
  dag::ExecutionPlan plan_;
  std::atomic<bool> is_to_end_{false};
  std::thread thread_;
};

inline reads::ReadRequest get_request(const std::string& path, std::map<std::string, std::string> query = {}) {
  return {"GET", path, path, std::move(query), {}, "me"};
}
inline nlohmann::json body_of(const reads::ReadAnswer& answer) { return nlohmann::json::parse(answer.body); }
/// "404 no_such_key".
inline std::string code_of(const reads::ReadAnswer& answer) {
  const auto body = body_of(answer);
  return std::to_string(answer.status) + (body.contains("error") ? " " + body["error"]["code"].get<std::string>() : "");
}

}  // namespace freshet::live_job_test

#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <variant>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/task/frame.h"
#include "runtime/task/kept_letters.h"

/// How other threads reach a task: they post, the task looks at the start of each step.
namespace freshet::task {

/// Puts a task thread to sleep and wakes it. Notifying one that is awake costs an atomic exchange.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void notify() = 0;
};

struct GrantReceived {
  ChannelId channel{};
  std::uint64_t consumed_bytes = 0;
};
struct InjectBarrierCommand {
  std::uint64_t checkpoint = 0;
  BarrierKind kind = BarrierKind::checkpoint;
};
/// The checkpoint is complete: sinks commit what they prepared for it.
struct CommitCommand {
  std::uint64_t checkpoint = 0;
};
/// A source that has read everything may end the stream (TaskSetup::waits_at_end).
struct EndStreamCommand {};
struct PauseSourceCommand {
  bool paused = false;
};
/// Dead letters are to be replayed or dropped, some in each step. `done` is called when they are, or are not to be; see
/// ReportCommand.
struct ChangeLettersCommand {
  LetterWork work{};
  std::function<void(const LetterWork& work)> done;
};
/// Asks something of the task: its status, what it has under a key. `answer` is called on the task's thread, between
/// two steps or before close() does anything; it must not throw.
struct ReportCommand {
  std::function<void()> answer;
};

using Letter = std::variant<Frame, GrantReceived, InjectBarrierCommand, CommitCommand, EndStreamCommand,
                            PauseSourceCommand, ChangeLettersCommand, ReportCommand>;

/// Many writers, one reader: the task's thread. What comes in is bounded by the channels' credit.
class Mailbox {
 public:
  explicit Mailbox(Waker* waker = nullptr) : waker_(waker) {}
  /// When it returns, the last one is not called any more; any thread may be posting.
  void set_waker(Waker* waker) {
    const std::lock_guard lock(mutex_);
    waker_ = waker;
  }

  void post(Letter letter) {
    const std::lock_guard lock(mutex_);
    letters_.push_back(std::move(letter));
    has_mail_.store(true, std::memory_order_release);
    if (waker_ != nullptr) waker_->notify();
  }
  /// Exchanges `letters`, which must be empty, for all that came in.
  bool take(std::vector<Letter>& letters) {
    if (!has_mail_.load(std::memory_order_acquire)) return false;
    const std::lock_guard lock(mutex_);
    letters_.swap(letters);
    has_mail_.store(false, std::memory_order_relaxed);
    return true;
  }
  bool has_mail() const { return has_mail_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> has_mail_{false};
  std::mutex mutex_;  // once a frame, not a record
  Waker* waker_;
  std::vector<Letter> letters_;
};

}  // namespace freshet::task

#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/base/file.h"
#include "runtime/transport/data_transport.h"

namespace freshet::transport::testing_support {

/// Nothing in these tests takes longer; what does has hung.
inline constexpr auto kPatience = std::chrono::seconds(60);

/// Looks until it holds. For facts that nobody announces.
template <class Condition>
bool eventually(Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// Keeps what it is called with. Cork it, and the transport's thread stays inside on_message.
class RecordingReceiver : public DataReceiver {
 public:
  void on_message(ReceivedMessage message) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !corked_; });
    messages_.push_back(std::move(message));
    changed_.notify_all();
  }
  void on_peer_lost(WorkerId peer, const std::string& reason) override {
    const std::lock_guard lock(mutex_);
    lost_.push_back(peer);
    reasons_.push_back(reason);
    changed_.notify_all();
  }

  void cork(bool corked) {
    const std::lock_guard lock(mutex_);
    corked_ = corked;
    changed_.notify_all();
  }
  bool wait_for_messages(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return messages_.size() >= count; });
  }
  bool wait_for_loss() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return !lost_.empty(); });
  }
  std::vector<ReceivedMessage> take_messages() {
    const std::lock_guard lock(mutex_);
    return std::exchange(messages_, {});
  }
  std::vector<std::string> texts() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> texts;
    for (const auto& message : messages_) texts.emplace_back(message.bytes());
    return texts;
  }
  std::vector<WorkerId> lost() {
    const std::lock_guard lock(mutex_);
    return lost_;
  }
  std::vector<std::string> reasons() {
    const std::lock_guard lock(mutex_);
    return reasons_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ReceivedMessage> messages_;
  std::vector<WorkerId> lost_;
  std::vector<std::string> reasons_;
  bool corked_ = false;
};

/// A directory for ipc sockets: addresses that are known before anybody listens, and that no other process takes.
class SocketDirectory {
 public:
  SocketDirectory() {
    std::string pattern = "/tmp/freshet-test-XXXXXX";  // short: a socket's path has at most 107 bytes
    path_ = mkdtemp(pattern.data());
  }
  ~SocketDirectory() { EXPECT_TRUE(base::remove_all(path_)); }
  std::string endpoint(const std::string& name) const { return "ipc://" + path_ + "/" + name; }

 private:
  std::string path_;
};

inline void send_text(DataTransport& transport, WorkerId peer, std::string_view text) {
  ByteBuffer buffer = transport.buffers().take();
  buffer.append(text);
  transport.send(peer, std::move(buffer));
}

}  // namespace freshet::transport::testing_support

#include "runtime/worker/crash_report.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "runtime/task/chain.h"

namespace freshet::worker {

namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr unsigned kMostSeconds = 2;
constexpr std::size_t kMostJson = 4096;
constexpr std::size_t kMostPlaceText = 4096;

int report_fd = -1;
std::atomic_flag reporting = ATOMIC_FLAG_INIT;

/// msgpack by hand: a signal handler must not allocate.
class TraceWriter {
 public:
  TraceWriter() { array(4); }
  void text(const char* bytes, std::size_t count) {
    byte(0xda);
    byte(count >> 8);
    byte(count);
    for (std::size_t i = 0; i < count; ++i) byte(static_cast<unsigned char>(bytes[i]));
  }
  /// As an optional wire::RecordPlace.
  void place(const task::PartitionTable::Entry* partition, std::uint64_t offset) {
    if (partition == nullptr || partition->partition.size() > kMostPlaceText ||
        partition->source_id.size() > kMostPlaceText)
      return byte(0xc0);
    array(3);
    text(partition->source_id.data(), partition->source_id.size());
    text(partition->partition.data(), partition->partition.size());
    byte(0xcf);
    for (int shift = 56; shift >= 0; shift -= 8) byte(offset >> shift);
  }
  void write_out() const {
    // Whatever goes wrong here, there is nobody left to tell.
    static_cast<void>(!::pwrite(report_fd, buffer_, size_, 0));
    static_cast<void>(!::ftruncate(report_fd, static_cast<off_t>(size_)));
  }

 private:
  void array(std::uint64_t size) { byte(0x90 | size); }
  void byte(std::uint64_t value) {
    if (size_ < sizeof buffer_) buffer_[size_++] = static_cast<char>(value & 0xff);
  }
  char buffer_[24u << 10];
  std::size_t size_ = 0;
};

void report() {
  const auto* host = task::Chain::running();
  if (host == nullptr) return;
  const auto& at_hand = host->at_hand;
  char place[128];
  int length = 0;
  const task::PartitionTable::Entry* partition = nullptr;
  std::uint64_t offset = 0;
  if (at_hand.view != nullptr && at_hand.index < at_hand.view->size) {
    const auto& position = at_hand.view->meta(at_hand.index).position;
    length = std::snprintf(place, sizeof place, "partition %u, position %llu", position.partition,
                           static_cast<unsigned long long>(position.offset));
    if (position.partition != 0) partition = host->partition_of(position);
    offset = position.offset;
  }
  TraceWriter first;
  first.text(host->operator_id.data(), host->operator_id.size());
  first.text(place, static_cast<std::size_t>(length));
  first.text("", 0);
  first.place(partition, offset);
  first.write_out();
  if (length == 0) return;
  ::alarm(kMostSeconds);
  const std::string origin = host->describe(at_hand.view->meta(at_hand.index).position);
  std::string json;
  at_hand.append_record(*at_hand.view, at_hand.index, json);
  TraceWriter second;
  second.text(host->operator_id.data(), host->operator_id.size());
  second.text(origin.data(), std::min(origin.size(), kMostJson / 2));
  second.text(json.data(), std::min(json.size(), kMostJson));
  second.place(partition, offset);
  second.write_out();
}

void on_signal(int signal) {
  // A second one, of another thread or of the report itself, ends the process.
  if (!reporting.test_and_set()) report();
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace

void install_crash_report(const std::string& path) {
  report_fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (report_fd < 0) return;  // the job runs without; its agent will report the signal alone
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  for (const int signal : kSignals) ::sigaction(signal, &action, nullptr);
}

}  // namespace freshet::worker

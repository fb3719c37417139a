#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "runtime/task/task.h"

/// What tests of the data path share: a small record, an edge of it, and a carrier and a listener that keep what they
/// are given.
namespace freshet::task::testing_support {

struct Visit {
  std::uint64_t user = 0;
  std::uint64_t number = 0;
  std::string page{};
  bool operator==(const Visit&) const = default;
  FRESHET_RECORD(user, number, page)
};

using VisitBatch = detail::Batch<Visit>;

class RecordingCarrier final : public FrameCarrier {
 public:
  struct Grant {
    ChannelId channel{};
    std::uint64_t consumed_bytes = 0;
    bool operator==(const Grant&) const = default;
  };

  ByteBuffer take_buffer() override { return {}; }
  void send_remote(const ChannelId&, ByteBuffer message) override {
    Frame frame;
    EXPECT_EQ(wire::read_header(message.view(), frame.header), wire::Refusal::none);
    EXPECT_EQ(wire::payload_checksum(message.view().substr(wire::kHeaderBytes)), frame.header.checksum);
    const auto owner = std::make_shared<ByteBuffer>(std::move(message));
    frame.payload = owner->view().substr(wire::kHeaderBytes);
    frame.owner = owner;
    sent.push_back(std::move(frame));
  }
  void send_local(Frame frame) override { sent.push_back(std::move(frame)); }
  void grant(const ChannelId& channel, std::uint64_t consumed_bytes) override {
    grants.push_back({channel, consumed_bytes});
  }
  /// Takes what was sent.
  std::vector<Frame> take() { return std::exchange(sent, {}); }

  std::vector<Frame> sent;
  std::vector<Grant> grants;
};

/// Takes what is saved, and keeps nothing.
class NoSnapshot final : public SnapshotOut {
 public:
  void begin(std::string_view, std::string_view, std::string_view) override {}
  void put(std::string_view) override {}
  void ask_commit(std::string_view, std::string_view) override {}
  void before_done(std::function<Status()>) override {}
};

class RecordingListener final : public TaskListener {
 public:
  void on_task_ended(const TaskId&) override { ++ended; }
  void on_task_failed(const TaskId&, const TaskFailure& failure) override { failures.push_back(failure); }
  void on_barrier_passed(const TaskId&, std::uint64_t checkpoint) override { barriers.push_back(checkpoint); }
  std::unique_ptr<SnapshotOut> begin_snapshot(const TaskId&, const ControlElement&, bool) override {
    return std::make_unique<NoSnapshot>();
  }
  void on_snapshot(const TaskId&, std::uint64_t checkpoint, std::unique_ptr<SnapshotOut>,
                   std::vector<wire::EdgeTally> tallies) override {
    tallied.emplace_back(checkpoint, std::move(tallies));
  }
  void on_dead_letter(const DeadLetter& letter) override { letters.push_back(letter); }
  void on_brake_pulled(const std::string&, double, const DeadLetter&) override { ++brakes; }

  int ended = 0;
  int brakes = 0;
  std::vector<TaskFailure> failures;
  std::vector<std::uint64_t> barriers;
  std::vector<DeadLetter> letters;
  std::vector<std::pair<std::uint64_t, std::vector<wire::EdgeTally>>> tallied;  // by the checkpoint that is saved
};

/// An edge whose records go to the task that their number names, modulo the tasks.
inline std::shared_ptr<const detail::EdgeType> edge_by_number() {
  const auto choose = [](const Visit& visit, std::size_t tasks) { return visit.number % tasks; };
  return detail::make_edge<void, Visit>(detail::NoKey{}, detail::Named<decltype(choose)>{choose});
}

inline Visit visit(std::uint64_t number, std::size_t page_bytes = 0) {
  return {number % 10, number, std::string(page_bytes, 'p')};
}

inline VisitBatch batch_of(std::uint64_t from, std::uint64_t to, std::size_t page_bytes = 0) {
  VisitBatch batch;
  for (auto number = from; number < to; ++number) {
    batch.records.add() = visit(number, page_bytes);
    batch.metas.push_back({.position = {1, number + 1}});
  }
  return batch;
}
inline detail::BatchView view_of(const detail::BatchBase& batch) { return batch; }

/// Numbers of the visits in a view.
inline std::vector<std::uint64_t> numbers(const detail::BatchView& view) {
  std::vector<std::uint64_t> found;
  for (std::uint32_t i = 0; i < view.size; ++i)
    found.push_back(static_cast<const VisitBatch&>(*view.batch).records[view.index(i)].number);
  return found;
}

/// What stands in a frame of visits, each element in short: "7", "W5" a watermark, "I" idle, "A" active, "B3" a
/// barrier, "D" end of data, "E" end of stream.
inline std::vector<std::string> elements_of(const Frame& frame, const detail::EdgeType& type) {
  std::vector<std::string> found;
  const auto add_records = [&](const detail::BatchBase& batch) {
    for (const auto number : numbers(view_of(batch))) found.push_back(std::to_string(number));
  };
  const auto add_control = [&](const ControlElement& element) {
    constexpr std::string_view kNames = "RWIABDE";
    found.emplace_back(1, kNames[static_cast<std::size_t>(element.kind)]);
    if (element.kind == ElementKind::watermark) found.back() += std::to_string(element.time_ms);
    if (element.kind == ElementKind::barrier) found.back() += std::to_string(element.checkpoint);
  };
  if (frame.local) {
    if (frame.batch) add_records(*frame.batch);
    for (const auto& control : frame.controls) add_control(control);
    return found;
  }
  ByteReader reader(frame.payload);
  detail::FrameDelta delta;
  while (reader.remaining() != 0) {
    const auto batch = type.make_batch();
    EXPECT_TRUE(type.read_records(reader, delta, *batch, 1'000'000));
    add_records(*batch);
    if (reader.remaining() == 0) break;
    ControlElement element;
    if (!read_control(reader, element)) {
      ADD_FAILURE() << "malformed element";
      break;
    }
    add_control(element);
  }
  return found;
}

}  // namespace freshet::task::testing_support

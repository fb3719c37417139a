#pragma once

#include <freshet/edge.h>

#include "runtime/base/clock.h"
#include "runtime/task/frame.h"
#include "runtime/wire/edge_tally.h"

namespace freshet::task {

/// What an output edge is told when it is made.
struct OutputEdgeSetup {
  std::uint32_t edge = 0;
  std::uint32_t from_task = 0;
  std::uint32_t to_tasks = 1;
  std::vector<bool> is_local;  ///< by receiving task
  std::uint32_t key_groups = 128;
  Attempt attempt{};
  Revision revision{};
  std::uint64_t window = 1u << 20;
  std::uint64_t frame_bytes = 128u << 10;
  std::uint64_t max_record_bytes = 16u << 20;
  std::shared_ptr<const detail::Combiner> combiner{};  ///< null: records go as they are
};

/// The sending end of one edge out of one task: a router, and per receiving task an open frame and its credit. A frame
/// is opened only when the channel's credit covers it, so an open frame can always leave. Owned and used by the task's
/// thread.
class OutputEdge final : public detail::ChannelPort {
 public:
  OutputEdge(const OutputEdgeSetup& setup, std::shared_ptr<const detail::EdgeType> type, FrameCarrier& carrier,
             const base::Clock& clock);

  /// Takes records [from, view.size); less than view.size: no room, come again after a grant.
  std::size_t route(const detail::BatchView& view, std::size_t from) {
    const std::size_t next = router_->route(view, from, *this);
    note_kept();
    return next;
  }
  /// The record at which route() threw.
  std::size_t failed_at() const { return router_->at; }

  /// Sends a control element on every channel. False: some have no room; call again with the same element, those that
  /// have it are passed over.
  [[nodiscard]] bool send_control(const ControlElement& element);

  void on_grant(std::uint32_t to, std::uint64_t consumed_bytes);
  /// Sends frames whose oldest element came at or before `deadline`, and what its router has kept back as
  /// much longer as it may, as far as there is room.
  void flush_older_than(base::SteadyTime deadline);
  /// All of it, as far as there is room.
  void flush() { flush_older_than(base::SteadyTime::max()); }

  /// Stamp of the records routed from now on: when they entered the job, wall clock; 0: unknown.
  void set_origin(std::int64_t origin_us) { origin_us_ = origin_us; }

  bool make_room(std::uint32_t to) override;

  std::uint32_t id() const { return setup_.edge; }
  std::uint32_t to_tasks() const { return setup_.to_tasks; }
  std::uint64_t bytes_in_flight() const;
  std::uint64_t bytes_in_flight(std::uint32_t to) const {
    return channels_[to].sent_bytes - channels_[to].granted_bytes;
  }
  /// What it has sent; all frames are closed behind a barrier.
  wire::EdgeTally tally() const {
    return {.edge = setup_.edge, .sent = elements_sent_ - controls_sent_, .sent_sum = sent_sum_};
  }
  std::uint64_t highest_sequence(std::uint32_t to) const { return channels_[to].sequence; }
  std::uint64_t bytes_sent = 0;
  std::uint64_t frames_sent = 0;

 private:
  struct Channel {
    ChannelId id;
    bool local = false;
    bool listed = false;              ///< stands in open_
    std::uint64_t sent_bytes = 0;     ///< costs of all frames sent
    std::uint64_t granted_bytes = 0;  ///< of which the receiver has used up
    std::uint64_t sequence = 0;
    std::uint64_t epoch = 0;
    std::int64_t origin_us = 0;
    base::SteadyTime opened_at{};
    std::shared_ptr<BatchPool> pool;
    std::vector<ControlElement> controls;  ///< local: behind the batch's records
  };
  /// Notes when the router begins to keep something back.
  void note_kept();
  /// Sends what the router keeps back, or what belongs before an element. False: no room for some of it.
  bool drain_router();
  bool drain_router(const ControlElement& before);
  bool open_frame(std::uint32_t to);
  void seal(std::uint32_t to);

  // Set once in the constructor.
  const OutputEdgeSetup setup_;
  const std::shared_ptr<const detail::EdgeType> type_;
  const std::unique_ptr<detail::Router> router_;
  FrameCarrier& carrier_;
  const base::Clock& clock_;
  const std::uint64_t frame_limit_;

  std::vector<Channel> channels_;
  std::vector<std::uint32_t> open_;  // channels with an open frame, oldest first
  std::size_t control_next_ = 0;     // channels that have the control element being sent
  std::int64_t origin_us_ = 0;
  bool is_keeping_ = false;  // the router keeps something back; then since when, and the origin of the oldest
  base::SteadyTime kept_since_{};
  std::int64_t kept_origin_us_ = 0;
  std::uint64_t elements_sent_ = 0;  // in closed frames; a record sent to several tasks counts for each
  std::uint64_t controls_sent_ = 0;  // of these, and of those in open frames
  std::uint64_t sent_sum_ = 0;
};

}  // namespace freshet::task

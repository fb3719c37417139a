#pragma once

#include <deque>

#include <freshet/edge.h>

#include "runtime/checkpoint/barrier_aligner.h"
#include "runtime/task/failure.h"
#include "runtime/task/frame.h"
#include "runtime/task/watermark_merger.h"
#include "runtime/wire/edge_tally.h"

namespace freshet::task {

/// One edge into a task.
struct InputEdgeSetup {
  std::uint32_t edge = 0;
  std::uint32_t input = 0;  ///< which input of the chain's head
  std::uint32_t from_tasks = 1;
  std::uint32_t to_task = 0;
  std::shared_ptr<const detail::EdgeType> type;
};

/// The receiving ends of a task's channels: takes frames in, gives records and control elements out, one channel's
/// frame at a time and channels in turn. Merges watermarks, aligns barriers, watches for the end. Owned by the task's
/// thread.
class InputGate {
 public:
  /// `aligns`: a channel that has delivered a barrier is held back until all have, so that nothing behind it is part of
  /// what is saved.
  InputGate(const std::vector<InputEdgeSetup>& edges, FrameCarrier& carrier, std::uint64_t window, bool aligns = true);

  /// What next() found.
  enum class Kind {
    nothing,        ///< no frame that may be processed now
    records,        ///< view() of input()
    watermark,      ///< the merged watermark rose: watermark_ms()
    barrier,        ///< a checkpoint's barrier has arrived on all channels: barrier()
    end_of_data,    ///< no record will come any more
    end_of_stream,  ///< nothing will come any more
  };

  void on_frame(Frame frame);
  /// What there is to do next. The view is good until the next call.
  Kind next();

  const detail::BatchView& view() const { return view_; }
  std::uint32_t input() const { return input_; }
  std::int64_t watermark_ms() const { return watermark_ms_; }
  /// Nothing comes for now: all channels whose data has not ended say so.
  bool is_idle() const { return watermarks_.is_idle(); }
  const ControlElement& barrier() const { return barrier_; }
  /// When the oldest record of the frame in work entered the job, wall clock; 0: unknown.
  std::int64_t origin_us() const { return origin_us_; }

  /// What became of the records of the last view(): the operator took `taken` of them, and threw on `refused`.
  void note_used(std::uint64_t taken, std::uint64_t refused);
  /// What has come in on each edge, and what became of it; all of it stands before a barrier that has just arrived.
  std::vector<wire::EdgeTally> tallies() const;

  /// Sends grants that were held back to save messages; when the task has nothing else to do.
  void send_grants();

  bool has_channels() const { return !channels_.empty(); }
  std::size_t channels() const { return channels_.size(); }
  std::uint64_t queued_bytes() const { return queued_bytes_; }
  std::uint64_t bytes_in = 0;
  std::uint64_t frames_in = 0;

 private:
  struct Channel {
    ChannelId id{};
    std::uint32_t edge = 0;  ///< index into edges_
    std::deque<Frame> queue;
    std::uint64_t queued_bytes = 0;
    std::uint64_t consumed_bytes = 0;
    std::uint64_t granted_bytes = 0;
    std::uint64_t frames = 0;  ///< taken into work
    bool data_ended = false;
    bool ended = false;
  };
  struct Edge {
    InputEdgeSetup setup;
    std::uint32_t first_channel = 0;
    std::unique_ptr<detail::BatchBase> batch;  ///< what its records are decoded into
    wire::EdgeTally tally{};
  };

  bool pick_channel();
  void tally_frame();
  Kind give_records(const detail::BatchBase& batch);
  Kind next_in_frame();
  Kind next_in_bytes();
  void check_data_open() const;
  Kind on_control(const ControlElement& element);
  Kind on_barrier(const ControlElement& element);
  Kind check_watermark();
  void finish_frame();
  [[noreturn]] void refuse(const std::string& what) const;

  // Set once in the constructor.
  FrameCarrier& carrier_;
  const std::uint64_t window_;
  const bool aligns_;
  std::vector<Edge> edges_;

  std::deque<Channel> channels_;
  checkpoint::BarrierAligner aligner_;
  WatermarkMerger watermarks_;
  std::size_t data_open_ = 0;    // channels whose data has not ended
  std::size_t stream_open_ = 0;  // channels whose stream has not ended
  bool told_end_of_stream_ = false;
  std::int64_t watermark_ms_ = WatermarkMerger::kNone;
  std::uint64_t queued_bytes_ = 0;

  // The frame in work.
  std::size_t current_ = 0;
  bool in_frame_ = false;
  Frame frame_;
  ByteReader reader_{{}};
  detail::FrameDelta delta_;
  std::uint32_t elements_read_ = 0;
  bool batch_given_ = false;  // local: the batch has been given out
  std::size_t controls_given_ = 0;
  detail::BatchView view_;
  std::uint32_t input_ = 0;
  ControlElement barrier_;
  std::int64_t origin_us_ = 0;
};

}  // namespace freshet::task

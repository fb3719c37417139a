#include "runtime/task/output_edge.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/task/frame_mix.h"

namespace freshet::task {

namespace {

/// A quarter of the window, so that one frame can be filled while others are under way; whole frames when they fit.
std::uint64_t frame_limit_for(const OutputEdgeSetup& setup) {
  return std::max<std::uint64_t>(1, std::min(setup.frame_bytes, setup.window / 4));
}

}  // namespace

OutputEdge::OutputEdge(const OutputEdgeSetup& setup, std::shared_ptr<const detail::EdgeType> type,
                       FrameCarrier& carrier, const base::Clock& clock)
    : setup_(setup),
      type_(std::move(type)),
      router_(setup.combiner ? type_->make_combining_router(*setup.combiner) : type_->make_router()),
      carrier_(carrier),
      clock_(clock),
      frame_limit_(frame_limit_for(setup)) {
  CHECK(setup.is_local.size() == setup.to_tasks, "every receiving task is either here or elsewhere");
  CHECK(router_ != nullptr, "a combiner is given where records of one key can be combined");
  from_task = setup.from_task;
  key_groups = setup.key_groups;
  max_record_bytes = setup.max_record_bytes;
  frames.resize(setup.to_tasks);
  channels_.resize(setup.to_tasks);
  for (std::uint32_t to = 0; to < setup.to_tasks; ++to) {
    channels_[to].id = {setup.edge, setup.from_task, to, 0};
    channels_[to].local = setup.is_local[to];
    if (!channels_[to].local) continue;
    channels_[to].pool = std::make_shared<BatchPool>();
    local_tasks.push_back(to);
  }
}

bool OutputEdge::make_room(std::uint32_t to) {
  if (frames[to].limit != 0) seal(to);
  return open_frame(to);
}

bool OutputEdge::open_frame(std::uint32_t to) {
  auto& channel = channels_[to];
  const std::uint64_t in_flight = channel.sent_bytes - channel.granted_bytes;
  if (in_flight + frame_limit_ + wire::kFrameCost > setup_.window && in_flight != 0) return false;
  auto& frame = frames[to];
  frame.limit = frame_limit_;
  frame.size = 0;
  frame.elements = 0;
  frame.delta = {};
  if (channel.local) {
    frame.batch = channel.pool->take();
    if (!frame.batch) frame.batch = type_->make_batch();
  } else {
    frame.bytes = carrier_.take_buffer();
    frame.bytes.clear();
    frame.bytes.reserve(wire::kHeaderBytes + frame_limit_ + frame_limit_ / 8);
    static constexpr char kHeaderRoom[wire::kHeaderBytes] = {};
    frame.bytes.write(kHeaderRoom, sizeof kHeaderRoom);
  }
  channel.opened_at = clock_.steady();
  channel.origin_us = is_keeping_ ? kept_origin_us_ : origin_us_;
  if (!channel.listed) {
    channel.listed = true;
    open_.push_back(to);
  }
  return true;
}

void OutputEdge::seal(std::uint32_t to) {
  auto& frame = frames[to];
  auto& channel = channels_[to];
  frame.limit = 0;
  if (frame.elements == 0) {  // opened, then nothing was put in: its record was refused
    if (channel.local) channel.pool->give_back(std::move(frame.batch));
    return;
  }
  wire::FrameHeader header;
  header.attempt = setup_.attempt;
  header.revision = setup_.revision;
  header.channel = channel.id;
  header.epoch = channel.epoch;
  header.sequence = ++channel.sequence;
  header.elements = frame.elements;
  header.origin_us = channel.origin_us;
  header.length = static_cast<std::uint32_t>(frame.size);
  channel.sent_bytes += std::uint64_t{header.length} + wire::kFrameCost;
  bytes_sent += header.length;
  ++frames_sent;
  elements_sent_ += frame.elements;
  header.checksum = channel.local ? batch_checksum(*frame.batch)
                                  : wire::payload_checksum(frame.bytes.view().substr(wire::kHeaderBytes));
  sent_sum_ += frame_mix(channel.id, header.sequence, header.checksum);
  if (channel.local) {
    Frame handed;
    handed.header = header;
    handed.batch = std::move(frame.batch);
    handed.controls = std::move(channel.controls);
    handed.pool = channel.pool;
    handed.local = true;
    channel.controls.clear();
    carrier_.send_local(std::move(handed));
  } else {
    wire::write_header(header, frame.bytes.data());
    carrier_.send_remote(channel.id, std::move(frame.bytes));
  }
}

void OutputEdge::note_kept() {
  if (router_->keeps_some() == is_keeping_) return;
  is_keeping_ = !is_keeping_;
  kept_since_ = clock_.steady();
  kept_origin_us_ = origin_us_;
}

bool OutputEdge::drain_router() {
  const bool all = router_->drain(*this);
  note_kept();
  return all;
}

bool OutputEdge::drain_router(const ControlElement& before) {
  if (before.kind != ElementKind::watermark) return drain_router();
  const bool all = router_->drain_before(*this, before.time_ms);
  note_kept();
  return all;
}

bool OutputEdge::send_control(const ControlElement& element) {
  if (!drain_router(element)) return false;
  for (; control_next_ < channels_.size(); ++control_next_) {
    const auto to = static_cast<std::uint32_t>(control_next_);
    auto& frame = frames[to];
    auto& channel = channels_[to];
    if (!frame.has_room() && !make_room(to)) return false;
    if (channel.local) {
      channel.controls.push_back(element);
      frame.size += sizeof(ControlElement) + element.payload.size();
      frame.limit = std::min(frame.limit, frame.size);  // records must not stand behind it in the batch
    } else {
      const std::size_t before = frame.bytes.size();
      write_control(frame.bytes, element);
      frame.size += frame.bytes.size() - before;
    }
    ++frame.elements;
    ++controls_sent_;
    if (element.kind == ElementKind::barrier) {
      seal(to);
      ++channel.epoch;
    }
  }
  control_next_ = 0;
  return true;
}

void OutputEdge::on_grant(std::uint32_t to, std::uint64_t consumed_bytes) {
  auto& channel = channels_[to];
  // Cumulative: an older grant that was overtaken changes nothing; one beyond what was sent is not ours to believe.
  if (consumed_bytes > channel.granted_bytes && consumed_bytes <= channel.sent_bytes)
    channel.granted_bytes = consumed_bytes;
}

void OutputEdge::flush_older_than(base::SteadyTime deadline) {
  note_kept();                                                                              // route() may have thrown
  if (is_keeping_ && kept_since_ <= deadline - router_->keeps_for()) (void)drain_router();  // no room: at the next time
  std::size_t kept = 0;
  for (std::size_t i = 0; i < open_.size(); ++i) {
    const std::uint32_t to = open_[i];
    auto& channel = channels_[to];
    if (frames[to].limit != 0 && channel.opened_at <= deadline) seal(to);
    if (frames[to].limit == 0)
      channel.listed = false;
    else
      open_[kept++] = to;
  }
  open_.resize(kept);
}

std::uint64_t OutputEdge::bytes_in_flight() const {
  std::uint64_t sum = 0;
  for (const auto& channel : channels_) sum += channel.sent_bytes - channel.granted_bytes;
  return sum;
}

}  // namespace freshet::task

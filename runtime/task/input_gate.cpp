#include "runtime/task/input_gate.h"

#include "runtime/base/check.h"
#include "runtime/base/planted_bug.h"
#include "runtime/task/frame_mix.h"

namespace freshet::task {

namespace {

std::size_t count_channels(const std::vector<InputEdgeSetup>& edges) {
  std::size_t count = 0;
  for (const auto& edge : edges) count += edge.from_tasks;
  return count;
}

}  // namespace

InputGate::InputGate(const std::vector<InputEdgeSetup>& edges, FrameCarrier& carrier, std::uint64_t window, bool aligns)
    : carrier_(carrier),
      window_(window),
      aligns_(aligns),
      aligner_(count_channels(edges)),
      watermarks_(count_channels(edges)),
      data_open_(count_channels(edges)),
      stream_open_(data_open_) {
  for (const auto& setup : edges) {
    edges_.push_back(
        {setup, static_cast<std::uint32_t>(channels_.size()), setup.type->make_batch(), {.edge = setup.edge}});
    for (std::uint32_t from = 0; from < setup.from_tasks; ++from) {
      auto& channel = channels_.emplace_back();
      channel.id = {setup.edge, from, setup.to_task, 0};
      channel.edge = static_cast<std::uint32_t>(edges_.size() - 1);
    }
  }
}

void InputGate::on_frame(Frame frame) {
  for (const auto& edge : edges_) {
    if (edge.setup.edge != frame.header.channel.edge) continue;
    CHECK(frame.header.channel.from < edge.setup.from_tasks, "frames reach the task that their channel names");
    auto& channel = channels_[edge.first_channel + frame.header.channel.from];
    const auto cost = frame.cost();
    channel.queued_bytes += cost;
    queued_bytes_ += cost;
    bytes_in += frame.header.length;
    ++frames_in;
    channel.queue.push_back(std::move(frame));
    return;
  }
  CHECK(false, "a frame's edge ends at the task that got it");
}

InputGate::Kind InputGate::next() {
  for (;;) {
    if (has_channels() && stream_open_ == 0 && !told_end_of_stream_) {
      told_end_of_stream_ = true;
      return Kind::end_of_stream;
    }
    if (!in_frame_ && !pick_channel()) return Kind::nothing;
    if (const Kind kind = next_in_frame(); kind != Kind::nothing) return kind;
  }
}

/// The next channel in turn that has a frame and is not held back by a barrier.
bool InputGate::pick_channel() {
  for (std::size_t tried = 0; tried < channels_.size(); ++tried) {
    current_ = current_ + 1 < channels_.size() ? current_ + 1 : 0;
    auto& channel = channels_[current_];
    if (channel.queue.empty() || (aligns_ && aligner_.is_held(current_))) continue;
    frame_ = std::move(channel.queue.front());
    channel.queue.pop_front();
    in_frame_ = true;
    reader_ = ByteReader(frame_.payload);
    delta_ = {};
    elements_read_ = 0;
    batch_given_ = false;
    controls_given_ = 0;
    origin_us_ = frame_.header.origin_us;
    input_ = edges_[channel.edge].setup.input;
    tally_frame();
    return true;
  }
  return false;
}

/// As the sender counted it, from what is here: a batch is looked at again.
void InputGate::tally_frame() {
  auto& channel = channels_[current_];
  std::uint64_t checksum = frame_.header.checksum;
  if (frame_.local && frame_.batch) {
    checksum = batch_checksum(*frame_.batch);
    if (checksum != frame_.header.checksum) refuse("its batch is not the one that was sent");
  }
  edges_[channel.edge].tally.received_sum += frame_mix(channel.id, ++channel.frames, checksum);
}

InputGate::Kind InputGate::give_records(const detail::BatchBase& batch) {
  view_ = batch;
  edges_[channels_[current_].edge].tally.received += batch.size();
  return Kind::records;
}

void InputGate::note_used(std::uint64_t taken, std::uint64_t refused) {
  auto& tally = edges_[channels_[current_].edge].tally;
  tally.applied += taken - refused;
  tally.refused += refused;
}

std::vector<wire::EdgeTally> InputGate::tallies() const {
  std::vector<wire::EdgeTally> tallies;
  for (const auto& edge : edges_) tallies.push_back(edge.tally);
  return tallies;
}

InputGate::Kind InputGate::next_in_frame() {
  if (!frame_.local) return next_in_bytes();
  if (!batch_given_) {
    batch_given_ = true;
    if (frame_.batch && frame_.batch->size() != 0) {
      check_data_open();
      return give_records(*frame_.batch);
    }
  }
  while (controls_given_ < frame_.controls.size()) {
    const ControlElement element = frame_.controls[controls_given_++];
    if (const Kind kind = on_control(element); kind != Kind::nothing) return kind;
  }
  finish_frame();
  return Kind::nothing;
}

InputGate::Kind InputGate::next_in_bytes() {
  auto& edge = edges_[channels_[current_].edge];
  while (reader_.remaining() != 0) {
    const auto tag = static_cast<std::uint8_t>(*reader_.position());
    if (detail::is_record(tag)) {
      check_data_open();
      edge.batch->clear();
      if (!edge.setup.type->read_records(reader_, delta_, *edge.batch, kBatchRecords)) refuse("a record is malformed");
      elements_read_ += static_cast<std::uint32_t>(edge.batch->size());
      return give_records(*edge.batch);
    }
    ControlElement element;
    if (!read_control(reader_, element)) refuse("an element is malformed or of an unknown kind");
    ++elements_read_;
    if (const Kind kind = on_control(element); kind != Kind::nothing) return kind;
    if (aligner_.is_held(current_) && reader_.remaining() != 0)
      refuse("a barrier is not the last element of its frame");
  }
  if (elements_read_ != frame_.header.elements)
    refuse("it holds " + std::to_string(elements_read_) + " elements, its header says " +
           std::to_string(frame_.header.elements));
  finish_frame();
  return Kind::nothing;
}

/// Operators have finished when the data has ended: what came later would be lost without a word.
void InputGate::check_data_open() const {
  if (channels_[current_].data_ended) refuse("a record stands behind the end of its data");
}

InputGate::Kind InputGate::on_control(const ControlElement& element) {
  auto& channel = channels_[current_];
  if (channel.ended) refuse("an element stands behind the end of its stream");
  switch (element.kind) {
    case ElementKind::record:
    case ElementKind::tried_again:
      refuse("a record stands among control elements");
    case ElementKind::watermark:
      watermarks_.on_watermark(current_, element.time_ms);
      return check_watermark();
    case ElementKind::idle:
    case ElementKind::active:
      watermarks_.on_idle(current_, element.kind == ElementKind::idle);
      return check_watermark();
    case ElementKind::barrier:
      return on_barrier(element);
    case ElementKind::end_of_data:
      if (channel.data_ended) refuse("its data ended twice");
      channel.data_ended = true;
      watermarks_.on_end(current_);
      if (--data_open_ != 0) return check_watermark();
      return Kind::end_of_data;
    case ElementKind::end_of_stream:
      if (!channel.data_ended) refuse("its stream ended before its data");
      channel.ended = true;
      --stream_open_;
      return aligner_.on_end(current_) ? Kind::barrier : Kind::nothing;
  }
  refuse("an element is of an unknown kind");
}

InputGate::Kind InputGate::on_barrier(const ControlElement& element) {
  const auto verdict = aligner_.on_barrier(current_, element.checkpoint);
  if (plant::is(plant::Bug::skip_alignment)) {
    const bool is_first = barrier_.checkpoint != element.checkpoint;
    barrier_ = element;
    return is_first && verdict != checkpoint::BarrierAligner::Verdict::stale ? Kind::barrier : Kind::nothing;
  }
  switch (verdict) {
    case checkpoint::BarrierAligner::Verdict::complete:
      barrier_ = element;
      return Kind::barrier;
    case checkpoint::BarrierAligner::Verdict::hold:
      barrier_ = element;
      return Kind::nothing;
    case checkpoint::BarrierAligner::Verdict::stale:
      return Kind::nothing;
  }
  return Kind::nothing;
}

InputGate::Kind InputGate::check_watermark() {
  const std::int64_t merged = watermarks_.merged();
  if (merged <= watermark_ms_) return Kind::nothing;
  watermark_ms_ = merged;
  return Kind::watermark;
}

void InputGate::finish_frame() {
  auto& channel = channels_[current_];
  const auto cost = frame_.cost();
  channel.queued_bytes -= cost;
  queued_bytes_ -= cost;
  channel.consumed_bytes += cost;
  if (frame_.local && frame_.batch) frame_.pool->give_back(std::move(frame_.batch));
  frame_ = Frame();
  in_frame_ = false;
  // Grants are gathered: one for every eighth of the window is often enough to keep the sender going.
  if (channel.consumed_bytes - channel.granted_bytes < window_ / 8) return;
  channel.granted_bytes = channel.consumed_bytes;
  carrier_.grant(channel.id, channel.consumed_bytes);
}

void InputGate::send_grants() {
  for (auto& channel : channels_) {
    if (channel.consumed_bytes == channel.granted_bytes) continue;
    channel.granted_bytes = channel.consumed_bytes;
    carrier_.grant(channel.id, channel.consumed_bytes);
  }
}

void InputGate::refuse(const std::string& what) const {
  const auto& id = channels_[current_].id;
  throw TaskFailure("", "bad frame",
                    "frame " + std::to_string(frame_.header.sequence) + " of edge " + std::to_string(id.edge) +
                        ", task " + std::to_string(id.from) + " to " + std::to_string(id.to) + ": " + what);
}

}  // namespace freshet::task

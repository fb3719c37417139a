#include "runtime/task/chain.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/base/random.h"
#include "runtime/task/watermark_merger.h"

namespace freshet::task {

thread_local const OperatorHost* Chain::running_ = nullptr;

Chain::Chain(std::vector<Operator> operators, std::vector<std::unique_ptr<OutputEdge>> edges,
             std::uint64_t max_overflow_bytes)
    : edges_(std::move(edges)), edge_watermarks_(edges_.size()) {
  CHECK(!operators.empty(), "a chain has at least one operator");
  for (auto& op : operators) {
    Node node;
    node.op = std::move(op);
    node.offered.resize(node.op.stage->outputs().size());
    for (auto& port : node.op.stage->outputs()) port.batch().limit_bytes(max_overflow_bytes);
    CHECK(!node.op.stage->outputs().empty(), "an operator's last output takes its dead letters");
    CHECK(node.op.consumers.size() == node.op.stage->outputs().size(), "each output has its list of consumers");
    nodes_.push_back(std::move(node));
  }
  source_ = dynamic_cast<SourceStage*>(nodes_[0].op.stage.get());
}

/// Lets each operator do something; what one throws ends the task.
template <class Do>
void Chain::for_each_operator(const char* what, Do act) {
  for (auto& node : nodes_) {
    running_ = node.op.host.get();
    try {
      act(node);
    } catch (...) {
      const FailedRecord failed = detail::describe_current_exception();
      throw TaskFailure(node.op.host->operator_id, failed.reason, std::string(what) + ": " + failed.message);
    }
  }
  running_ = nullptr;
}

void Chain::open() {
  for_each_operator("could not be opened", [](Node& node) { node.op.stage->open(*node.op.host); });
  for_each_operator("could not commit again what its checkpoint holds", [](Node& node) {
    if (node.op.host->commits) node.op.stage->recover(std::exchange(node.handles, {}));
  });
  // What was restored is no matter of the last minute.
  for (auto& node : nodes_) node.op.host->begin_brake_anew(records_for_brake(node));
}

void Chain::commit(std::uint64_t checkpoint) {
  for_each_operator("could not commit", [&](Node& node) { node.op.stage->commit(checkpoint); });
}

void Chain::close(bool finished) {
  for_each_operator("could not be closed", [&](Node& node) { node.op.stage->close(finished); });
}

void Chain::begin_step(Time now, std::int64_t origin_us) {
  gave_way_ = gives_way();
  rounds_left_ = kRoundsPerStep;
  tries_left_ = kTriesPerStep;
  waits_for_lane_ = false;
  for (auto& node : nodes_) {
    node.op.host->refresh(now);
    node.op.host->check_brake(records_for_brake(node));
  }
  for (auto& edge : edges_) edge->set_origin(origin_us);
}

/// Those that came in, or once more; what a source sets aside came out of nowhere.
std::uint64_t Chain::records_for_brake(const Node& node) const {
  const bool is_source = node.op.stage.get() == source_;
  return is_source ? node.records_out + node.op.host->dead_letters : node.records_in + node.op.host->replayed;
}

void Chain::begin_brakes_anew() {
  for (auto& node : nodes_)
    if (node.op.host->has_pulled_brake()) node.op.host->begin_brake_anew(records_for_brake(node));
}

void Chain::offer(std::uint32_t input, const detail::BatchView& view) {
  Node& head = nodes_[0];
  CHECK(!head.has_input, "the last batch is used up before the next is offered");
  head.input = view;
  head.input_index = input;
  head.cursor = 0;
  head.has_input = true;
}

Progress Chain::read() {
  running_ = nodes_[0].op.host.get();
  const Progress progress = source_->read();
  running_ = nullptr;
  is_idle_ = source_->is_idle();
  return progress;
}

/// Not the head alone: what an operator inside the chain emitted by time may wait where upstream of it all is empty.
/// Downstream first, so that the answer for what is upstream holds at the end.
bool Chain::drain() {
  bool empty = true;
  for (auto index = static_cast<std::uint32_t>(nodes_.size()); index-- != 0;) empty = drive(index) && empty;
  return empty;
}

bool Chain::drive(std::uint32_t index) {
  Node& node = nodes_[index];
  while (flush(index)) {
    if (node.is_trying && node.try_cursor == node.op.lane->batch().size()) {
      node.is_trying = false;  // what came of them, which may borrow from them, is gone
      node.op.lane->tried(node.op.host->now());
    } else if (node.is_trying)
      try_again(node);
    else if (node.has_input)
      process_input(node);
    else
      return true;
  }
  return false;
}

void Chain::process_input(Node& node) {
  detail::BatchView view = node.input;
  RetryLane* lane = node.op.lane.get();
  if (lane != nullptr && lane->keeps_order() && node.input_index == 0) {
    const std::size_t stop = lane->first_held_back(view, node.cursor);
    view.size = static_cast<std::uint32_t>(stop);
    if (stop == node.cursor) lane->take_behind(node.input, node.cursor, node.op.host->now());
  }
  std::size_t next = node.cursor + 1;
  if (view.size != node.cursor) {
    running_ = node.op.host.get();
    node.op.host->keeps_failed = node.input_index == 0;
    const std::uint64_t letters_before = node.op.host->dead_letters;
    next = node.op.stage->process(node.input_index, view, node.cursor);
    running_ = nullptr;
    node.refused += node.op.host->dead_letters - letters_before;
    if (node.op.is_keyed && next > node.cursor) note_key(node, view, node.cursor, next);
  }
  node.records_in += next - node.cursor;
  node.cursor = next;
  node.has_input = next < node.input.size;
}

/// One of what was processed, by chance.
void Chain::note_key(Node& node, const detail::BatchView& view, std::size_t from, std::size_t to) {
  constexpr std::size_t kMostBytes = 1024;
  const std::size_t at = from + base::mixed(node.records_in) % (to - from);
  const std::uint64_t hash = view.meta(at).key_hash;
  if (!node.keys.note(hash) || node.example_hash == hash || node.keys.hottest()->hash != hash) return;
  const auto append = node.op.host->at_hand.append_record;
  if (append == nullptr) return;
  node.example_hash = hash;
  node.example.clear();
  append(view, at, node.example);
  if (node.example.size() > kMostBytes) node.example.clear();  // cut JSON is none
}

/// Works on what the lane took out. They have come in already, and are not counted again.
void Chain::try_again(Node& node) {
  const detail::BatchView view = node.op.lane->batch();
  running_ = node.op.host.get();
  node.op.host->keeps_failed = true;
  node.try_cursor = node.op.stage->process(0, view, node.try_cursor);
  running_ = nullptr;
}

bool Chain::has_full_lane() {
  return std::ranges::any_of(nodes_, [](Node& node) { return node.op.lane != nullptr && node.op.lane->is_full(); });
}

Time Chain::next_retry() const {
  Time next = Time::max();
  for (const Node& node : nodes_)
    if (node.op.lane != nullptr) next = std::min(next, node.op.lane->next_due());
  return next;
}

bool Chain::is_meant(const Node& node, const LetterOrder& order) {
  return node.op.letters != nullptr && (order.operator_id.empty() || node.op.host->operator_id == order.operator_id);
}

bool Chain::keeps_letters(const LetterOrder& order) const {
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [&](const Node& node) { return is_meant(node, order) && node.op.letters->may_have(order); });
}

bool Chain::change_letters(LetterWork& work, std::size_t most) {
  const auto& order = work.order;
  if (!std::exchange(work.has_begun, true)) {
    for (std::uint32_t index = 0; index < nodes_.size(); ++index) {
      if (!is_meant(nodes_[index], order)) continue;
      for (const std::uint64_t id : nodes_[index].op.letters->chosen(order)) work.left.emplace_back(index, id);
    }
  }
  for (; most != 0 && !work.left.empty(); --most) {
    const auto [index, id] = work.left.back();
    work.left.pop_back();
    Node& node = nodes_[index];
    running_ = node.op.host.get();
    auto record = node.op.letters->take(id, order);
    if (record) ++work.changed;
    if (record && order.replays) {
      ++node.op.host->replayed;
      node.op.lane->take_replayed(*std::move(record), node.op.host->now());
    }
    running_ = nullptr;
  }
  return work.left.empty();
}

/// Tries some records again that are due, if it may still do so in this step. False: an output has no room.
bool Chain::serve_lane(std::uint32_t index) {
  Node& node = nodes_[index];
  while (tries_left_ != 0 && node.op.lane->next_due() <= node.op.host->now()) {
    --tries_left_;
    node.is_trying = node.op.lane->take_due(node.op.host->now());
    node.try_cursor = 0;
    if (!drive(index)) return false;
  }
  return true;
}

/// What an operator emits by time, or at the end, may end in the lane of one behind it.
bool Chain::has_room_in_lanes_behind(std::uint32_t index) {
  for (std::uint32_t behind = index + 1; behind < nodes_.size(); ++behind) {
    RetryLane* lane = nodes_[behind].op.lane.get();
    if (lane == nullptr || !lane->is_full()) continue;
    if (!serve_lane(behind)) return false;
    waits_for_lane_ = lane->is_full();
    if (waits_for_lane_) return false;
  }
  return true;
}

bool Chain::flush(std::uint32_t index) {
  auto& ports = nodes_[index].op.stage->outputs();
  const auto letters = static_cast<std::uint32_t>(ports.size() - 1);
  // Dead letters first: routing the other outputs may add some, which it can only while their batch is not offered.
  flush_output(index, letters);
  bool empty = true;
  for (std::uint32_t output = 0; output <= letters; ++output) empty = flush_output(index, output) && empty;
  return empty;
}

bool Chain::flush_output(std::uint32_t index, std::uint32_t output) {
  Node& node = nodes_[index];
  auto& port = node.op.stage->outputs()[output];
  if (!node.offered[output]) {
    if (port.size() == 0) return true;
    offer_output(node, output);
  }
  bool done = true;
  for (auto& consumer : node.op.consumers[output]) done = pass_on(index, output, consumer) && done;
  if (!done) return false;
  port.clear();
  node.offered[output] = false;
  return true;
}

void Chain::offer_output(Node& node, std::uint32_t output) {
  const auto& ports = node.op.stage->outputs();
  const detail::BatchView view = ports[output].view();
  node.offered[output] = true;
  const bool dead_letters = output + 1 == ports.size();
  if (!dead_letters) node.records_out += view.size;
  for (auto& consumer : node.op.consumers[output]) {
    consumer.pending = true;
    consumer.cursor = 0;
    if (consumer.is_edge) continue;
    Node& next = nodes_[consumer.index];
    CHECK(!next.has_input, "an operator inside a chain has one upstream, and used up its last batch");
    next.input = view;
    next.input_index = 0;
    next.cursor = 0;
    next.has_input = true;
  }
}

bool Chain::pass_on(std::uint32_t index, std::uint32_t output, Consumer& consumer) {
  if (!consumer.pending) return true;
  Node& node = nodes_[index];
  consumer.pending = consumer.is_edge
                         ? !route(node, *edges_[consumer.index], node.op.stage->outputs()[output].view(), consumer)
                         : !drive(consumer.index);
  return !consumer.pending;
}

/// What throws here is the author's key or grouping function, or a record too large: the sending operator's policy.
bool Chain::route(Node& node, OutputEdge& edge, const detail::BatchView& view, Consumer& consumer) {
  while (consumer.cursor < view.size) {
    running_ = node.op.host.get();
    try {
      const std::size_t next = edge.route(view, consumer.cursor);
      consumer.cursor = next;
      running_ = nullptr;
      return next == view.size;
    } catch (...) {
      running_ = nullptr;
      consumer.cursor = edge.failed_at();
      const bool is_letter = view.batch == &node.op.stage->outputs().back().batch();
      // Earlier letters still wait for room; they go first, and this record is tried again.
      if (node.offered.back() && !is_letter) return false;
      FailedRecord failed = detail::describe_current_exception();
      failed.meta = view.meta(consumer.cursor++);
      set_aside(node, std::move(failed), is_letter);
    }
  }
  running_ = nullptr;
  return true;
}

void Chain::set_aside(Node& node, FailedRecord failed, bool is_letter) {
  const RecordMeta meta = failed.meta;
  DeadLetter letter;
  node.op.host->record_failed(std::move(failed), letter);
  if (is_letter) return;  // a letter that cannot be sent is counted and told, and makes no further letter
  auto& letters = static_cast<detail::Batch<DeadLetter>&>(node.op.stage->outputs().back().batch());
  letters.records.add() = std::move(letter);
  letters.metas.push_back(meta);
}

bool Chain::emit_due() {
  for (std::uint32_t index = 0; index < nodes_.size(); ++index) {
    if (!emit_due(index)) return false;
  }
  return true;
}

/// An operator that has finished emits nothing any more.
bool Chain::emit_due(std::uint32_t index) {
  if (index < finishing_) return true;
  Node& node = nodes_[index];
  const auto& host = *node.op.host;
  if (node.op.lane != nullptr && !serve_lane(index)) return false;
  while (node.op.stage->next_due() <= host.now()) {
    if (!has_room_in_lanes_behind(index) || rounds_left_ == 0) return false;
    --rounds_left_;
    running_ = &host;
    (void)node.op.stage->emit_due();
    running_ = nullptr;
    if (!flush(index)) return false;
  }
  return true;
}

Time Chain::next_due() const {
  Time next = Time::max();
  for (std::size_t index = finishing_; index < nodes_.size(); ++index) {
    next = std::min(next, nodes_[index].op.stage->next_due());
    if (nodes_[index].op.lane != nullptr) next = std::min(next, nodes_[index].op.lane->next_due());
  }
  return next;
}

bool Chain::finish() {
  for (; finishing_ < nodes_.size(); ++finishing_) {
    Node& node = nodes_[finishing_];
    if (waits_for_retries()) return false;
    node.watermark_ms = WatermarkMerger::kEnd;
    if (!flush(finishing_) || !tell_watermark(finishing_)) return false;
    for (bool all_out = false; !all_out;) {
      if (!has_room_in_lanes_behind(finishing_)) return false;
      running_ = node.op.host.get();
      try {
        all_out = node.op.stage->finish();
      } catch (const TaskFailure&) {
        throw;
      } catch (...) {
        const FailedRecord failed = detail::describe_current_exception();
        throw TaskFailure(node.op.host->operator_id, failed.reason, "at the end of the stream: " + failed.message);
      }
      running_ = nullptr;
      if (!flush(finishing_)) return false;
    }
  }
  return advance_watermark(WatermarkMerger::kEnd);
}

/// Lets an operator know its watermark, and emit what is due then. False: it has not emitted all of it.
bool Chain::tell_watermark(std::uint32_t index) {
  Node& node = nodes_[index];
  const bool is_end = node.watermark_ms == WatermarkMerger::kEnd;
  if (is_end && node.op.lane != nullptr && !node.op.lane->empty()) return emit_due(index);  // they come before the end
  if (node.told_watermark_ms != node.watermark_ms) {
    node.told_watermark_ms = node.watermark_ms;
    node.op.stage->on_watermark(Time(Duration(node.watermark_ms)));
  }
  return emit_due(index);
}

bool Chain::advance_watermark(std::int64_t time_ms) {
  nodes_[0].watermark_ms = std::max(nodes_[0].watermark_ms, time_ms);
  for (std::uint32_t index = 0; index < nodes_.size(); ++index) {
    Node& node = nodes_[index];
    if (!tell_watermark(index)) return false;
    if (const auto made = node.op.stage->made_watermark(); made)
      node.watermark_ms = std::max(node.watermark_ms, made->time_since_epoch().count());
    if (node.watermark_ms == WatermarkMerger::kEnd && index >= finishing_) continue;  // what it emits last comes first
    for (const auto& consumers : node.op.consumers) {
      for (const auto& consumer : consumers) {
        auto& reached =
            consumer.is_edge ? edge_watermarks_[consumer.index].wanted : nodes_[consumer.index].watermark_ms;
        reached = std::max(reached, node.watermark_ms);
      }
    }
  }
  return true;
}

bool Chain::send_watermarks() {
  if (idle_sending_ && !send_activity()) return false;
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    auto& watermark = edge_watermarks_[i];
    // What is being sent must not change between two tries, or some channels would miss it.
    if (watermark.sending == watermark.sent) watermark.sending = watermark.wanted;
    if (watermark.sending == watermark.sent) continue;
    if (!edges_[i]->send_control({.kind = ElementKind::watermark, .time_ms = watermark.sending})) return false;
    watermark.sent = watermark.sending;
  }
  return true;
}

bool Chain::send_activity() {
  while (idle_sending_ || is_idle_ != idle_sent_) {
    if (!idle_sending_) {
      // First: a watermark says that something comes, and an edge sends one element at a time.
      if (!send_watermarks()) return false;
      idle_sending_ = is_idle_;
    }
    if (!send_control({.kind = *idle_sending_ ? ElementKind::idle : ElementKind::active})) return false;
    idle_sent_ = *std::exchange(idle_sending_, std::nullopt);
  }
  return true;
}

bool Chain::send_control(const ControlElement& element) {
  for (; control_edge_ < edges_.size(); ++control_edge_) {
    if (!edges_[control_edge_]->send_control(element)) return false;
  }
  control_edge_ = 0;
  return true;
}

std::vector<wire::OperatorStatus> Chain::statuses() {
  std::vector<wire::OperatorStatus> statuses;
  for (auto& node : nodes_) {
    auto& status = statuses.emplace_back();
    status.operator_index = node.op.graph_index;
    status.records_in = node.records_in;
    status.records_out = node.records_out;
    status.dead_letters = node.op.host->dead_letters;
    status.errors = node.op.host->errors;
    if (const auto hottest = node.keys.hottest(); hottest && hottest->hash == node.example_hash) {
      status.hot_share = hottest->share;
      status.hot_record = node.example;
    }
    if (node.op.lane != nullptr) {
      status.retrying = node.op.lane->entries();
      if (node.op.letters != nullptr) status.letters_kept = node.op.letters->entries();
      status.attempts = node.op.lane->attempts();
    }
    status.late = node.op.stage->late_records();
    for (const auto& [name, table] : states_of(node)) {
      status.state_entries += table->entries();
      status.state_bytes += table->bytes();
    }
    if (auto* author = node.op.stage->author(); author != nullptr)
      for (const auto* counter : author->counters) status.counters.push_back(counter->value());
  }
  return statuses;
}

std::int64_t Chain::watermark_ms() const {
  std::int64_t newest = WatermarkMerger::kNone;
  for (const auto& node : nodes_) newest = std::max(newest, node.watermark_ms);
  return newest;
}

std::uint64_t Chain::uncommitted_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& node : nodes_) sum += node.op.stage->uncommitted_bytes();
  return sum;
}

std::uint64_t Chain::overflow_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& node : nodes_) {
    for (auto& port : node.op.stage->outputs()) {
      if (port.size() > kBatchRecords) sum += port.view().batch->weight();
    }
  }
  return sum;
}

}  // namespace freshet::task

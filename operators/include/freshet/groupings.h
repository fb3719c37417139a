#pragma once

#include <freshet/router.h>

/// Groupings: the ways to choose a record's receiving task.
namespace freshet::detail {

/// What a choice answers when no channel has room.
inline constexpr std::uint32_t kNowhere = 0xffffffff;

/// Chooses a task by what `choose(record, meta)` answers; needs room only there.
template <class K, class T, class KeyOf, class Choose>
class ChoosingRouter final : public Router {
 public:
  ChoosingRouter(KeyOf key_of, Choose choose) : key_of_(std::move(key_of)), choose_(std::move(choose)) {}
  [[gnu::flatten]] std::size_t route(const BatchView& view, std::size_t from, ChannelPort& port) override {
    const auto& in = static_cast<const Batch<T>&>(*view.batch);
    for (at = from; at < view.size; ++at) {
      const auto index = view.index(at);
      RecordMeta meta = view.meta(at);
      const std::uint32_t to = choose_(in.records[index], meta, port);
      if (to == kNowhere) return at;
      OpenFrame& frame = port.frames[to];
      if (!frame.has_room() && !port.make_room(to)) return at;
      if constexpr (std::same_as<KeyOf, CarriedKey>)
        put_record<K>(frame, in.records[index], meta, static_cast<const KeyedBatch<K, T>&>(in).keys[index],
                      port.max_record_bytes);
      else
        put_record<K>(frame, in.records[index], meta, key_of_, port.max_record_bytes);
      if constexpr (requires { choose_.chosen(to); }) choose_.chosen(to);
    }
    return view.size;
  }

 private:
  KeyOf key_of_;
  Choose choose_;
};

/// To the task that owns the key's group.
template <class KeyOf>
struct ByKey {
  KeyOf key_of;
  std::vector<std::uint32_t> task_of_group{};

  template <class T>
  std::uint32_t operator()(const T& record, RecordMeta& meta, ChannelPort& port) {
    meta.key_hash = hash_of_key(key_of, record);
    return task_of(meta.key_hash, port);
  }
  std::uint32_t task_of(std::uint64_t hash, const ChannelPort& port) {
    if (task_of_group.empty()) [[unlikely]] {
      const auto tasks = static_cast<std::uint32_t>(port.frames.size());
      for (std::uint32_t group = 0; group < port.key_groups; ++group)
        task_of_group.push_back(task_of_key_group(group, port.key_groups, tasks));
    }
    return task_of_group[key_group_of(hash, static_cast<std::uint32_t>(task_of_group.size()))];
  }
};

/// In turn, passing over channels without room, so that a slow task gets less.
struct RoundRobin {
  bool local_first = false;
  std::size_t next = 0;

  template <class T>
  std::uint32_t operator()(const T&, RecordMeta&, ChannelPort& port) {
    const bool local = local_first && !port.local_tasks.empty();
    const std::size_t count = local ? port.local_tasks.size() : port.frames.size();
    for (std::size_t tried = 0; tried < count; ++tried) {
      next = next + 1 < count ? next + 1 : 0;
      const std::uint32_t to = local ? port.local_tasks[next] : static_cast<std::uint32_t>(next);
      if (port.frames[to].has_room() || port.make_room(to)) return to;
    }
    return kNowhere;
  }
};

struct SameIndex {
  template <class T>
  std::uint32_t operator()(const T&, RecordMeta&, ChannelPort& port) const {
    return port.from_task;
  }
};

struct FirstTask {
  template <class T>
  std::uint32_t operator()(const T&, RecordMeta&, ChannelPort&) const {
    return 0;
  }
};

/// To the task that the author's function names.
template <class F>
struct Named {
  F function;
  template <class T>
  std::uint32_t operator()(const T& record, RecordMeta&, ChannelPort& port) {
    const std::size_t to = function(record, port.frames.size());
    if (to >= port.frames.size())
      throw RejectRecord(
          "the grouping function named task " + std::to_string(to) + " of " + std::to_string(port.frames.size()),
          "bad grouping");
    return static_cast<std::uint32_t>(to);
  }
};

/// Of two tasks that the key's hash names, to the one that got less so far (Nasir et al. 2015, two choices).
template <class KeyOf>
struct TwoChoices {
  KeyOf key_of;
  std::vector<std::uint64_t> sent{};

  template <class T>
  std::uint32_t operator()(const T& record, RecordMeta&, ChannelPort& port) {
    sent.resize(port.frames.size());
    const std::uint64_t hash = hash_of_key(key_of, record);
    const auto tasks = static_cast<std::uint32_t>(port.frames.size());
    const std::uint32_t one = key_group_of(hash, tasks);
    const std::uint32_t other = key_group_of(hash << 32, tasks);
    return sent[one] <= sent[other] ? one : other;
  }
  void chosen(std::uint32_t to) { ++sent[to]; }
};

/// Every task gets every record; goes on only when all have room.
template <class T>
class BroadcastRouter final : public Router {
 public:
  std::size_t route(const BatchView& view, std::size_t from, ChannelPort& port) override {
    const auto& in = static_cast<const Batch<T>&>(*view.batch);
    for (at = from; at < view.size; ++at) {
      for (std::uint32_t to = 0; to < port.frames.size(); ++to) {
        if (!port.frames[to].has_room() && !port.make_room(to)) return at;
      }
      // Encoded ones first: where the record is too large for one, no task gets it.
      const auto index = view.index(at);
      for (const bool local : {false, true}) {
        for (auto& frame : port.frames) {
          if ((frame.batch != nullptr) == local)
            put_record<void>(frame, in.records[index], view.meta(at), NoKey{}, port.max_record_bytes);
        }
      }
    }
    return view.size;
  }
};

}  // namespace freshet::detail

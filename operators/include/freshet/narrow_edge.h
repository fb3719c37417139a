#pragma once

#include <freshet/edge.h>

/// Edges that carry only what the next step looks at: where it says so itself, as the aggregates of windows do.
namespace freshet::detail {

/// By key, as ByKey does. The key travels beside the record, so its fields need not.
template <class K, class T>
class NarrowRouter final : public Router {
 public:
  using KeyInto = typename KeyedReplacement<K, T>::KeyInto;
  NarrowRouter(KeyInto key_into, SomeFields form) : key_into_(std::move(key_into)), form_(form) {}

  std::size_t route(const BatchView& view, std::size_t from, ChannelPort& port) override {
    const auto& in = static_cast<const Batch<T>&>(*view.batch);
    for (at = from; at < view.size; ++at) {
      const T& record = in.records[view.index(at)];
      key_into_(record, key_);
      RecordMeta meta = view.meta(at);
      meta.key_hash = key_hash(key_);
      const std::uint32_t to = task_of_.task_of(meta.key_hash, port);
      OpenFrame& frame = port.frames[to];
      if (!frame.has_room() && !port.make_room(to)) return at;
      put_record<K>(frame, record, meta, key_, port.max_record_bytes, form_);
    }
    return view.size;
  }

 private:
  KeyInto key_into_;
  const SomeFields form_;
  ByKey<NoKey> task_of_{};
  K key_{};
};

/// Takes the place of an edge to a step that looks at some fields of its records only.
template <class K, class T>
class NarrowRecords final : public KeyedReplacement<K, T> {
 public:
  explicit NarrowRecords(std::uint64_t fields) : form_{fields} {}
  std::vector<std::string> fields() const override {
    std::vector<std::string> names;
    form_.for_each<T>([&](auto pointer) { names.push_back(field_name(pointer)); });
    return names;
  }
  std::shared_ptr<const EdgeType> edge(typename KeyedReplacement<K, T>::KeyInto key_into) const override {
    return std::make_shared<TypedEdge<K, T, CarriedKey, SomeFields>>(
        CarriedKey{},
        [key_into, form = form_]() -> std::unique_ptr<Router> {
          return std::make_unique<NarrowRouter<K, T>>(key_into, form);
        },
        form_);
  }

 private:
  const SomeFields form_;
};

}  // namespace freshet::detail

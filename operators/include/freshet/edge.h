#pragma once

#include <functional>

#include <freshet/combining.h>
#include <freshet/groupings.h>

/// Edges between tasks: a router on one side, on the other what gets records out of frames again.
namespace freshet::detail {

/// What both ends of an edge know about its types.
class EdgeType {
 public:
  virtual ~EdgeType() = default;
  virtual std::unique_ptr<Router> make_router() const = 0;
  /// Whether records of one key can be combined on their way, and a router that does.
  virtual bool can_combine(const Combiner&) const { return false; }
  virtual std::unique_ptr<Router> make_combining_router(const Combiner&) const { return nullptr; }
  /// What takes the place of this edge where records become something else on their way, before they are sent; null:
  /// they cannot. Then it has to be so on all edges to the receiver.
  virtual std::shared_ptr<const EdgeType> replaced(const Combiner&) const { return nullptr; }
  virtual std::unique_ptr<BatchBase> make_batch() const = 0;
  /// Reads records into `batch` until it has `max`, the next element is no record, or the bytes end. False: malformed.
  [[nodiscard]] virtual bool read_records(ByteReader& in, FrameDelta& delta, BatchBase& batch,
                                          std::size_t max) const = 0;
};

/// `K` void: the receiver gets a stream without a key. Else a keyed one, whose key comes from `KeyOf` on both sides, or
/// travels beside the record (CarriedKey). `Form`: what of the record travels.
template <class K, class T, class KeyOf, class Form = WholeRecord>
class TypedEdge final : public EdgeType {
 public:
  using MakeRouter = std::function<std::unique_ptr<Router>()>;
  TypedEdge(KeyOf key_of, MakeRouter make_router, Form form = {})
      : key_of_(std::move(key_of)), make_router_(std::move(make_router)), form_(form) {}
  std::unique_ptr<Router> make_router() const override { return make_router_(); }
  bool can_combine(const Combiner& combiner) const override {
    return KeyOfFields<KeyOf, T> && dynamic_cast<const CombinerOf<T>*>(&combiner) != nullptr;
  }
  std::unique_ptr<Router> make_combining_router(const Combiner& combiner) const override {
    if constexpr (KeyOfFields<KeyOf, T>) {
      if (const auto* typed = dynamic_cast<const CombinerOf<T>*>(&combiner))
        return std::make_unique<CombiningRouter<K, T, KeyOf>>(key_of_, *typed);
    }
    return nullptr;
  }
  std::shared_ptr<const EdgeType> replaced(const Combiner& combiner) const override {
    if constexpr (!std::is_void_v<K> && !std::same_as<KeyOf, CarriedKey>) {
      if (const auto* replacement = dynamic_cast<const KeyedReplacement<K, T>*>(&combiner))
        return replacement->edge([key_of = key_of_](const T& record, K& key) { find_key(key_of, record, key); });
    }
    return nullptr;
  }
  std::unique_ptr<BatchBase> make_batch() const override { return std::make_unique<BatchOf<K, T>>(); }

  // Flat: what it calls for each field is small, and costs as much to call as to do.
  [[gnu::flatten]] bool read_records(ByteReader& from, FrameDelta& delta_from, BatchBase& into,
                                     std::size_t max) const override {
    auto& batch = static_cast<BatchOf<K, T>&>(into);
    ByteReader in = from;  // own, so that they stay in registers
    FrameDelta delta = delta_from;
    const bool good = read_all(in, delta, batch, max);
    from = in;
    delta_from = delta;
    return good;
  }

 private:
  [[gnu::always_inline]] bool read_all(ByteReader& in, FrameDelta& delta, BatchOf<K, T>& batch, std::size_t max) const {
    while (in.remaining() != 0 && batch.size() < max) {
      const auto tag = static_cast<std::uint8_t>(*in.position());
      if (!is_record(tag)) return true;
      in.skip(1);
      RecordMeta& meta = batch.metas.emplace_back();
      if (!read_meta(in, tag, delta, meta)) return false;
      T& record = batch.records.add();
      if (!form_.decode(in, record)) return false;
      if constexpr (std::same_as<KeyOf, CarriedKey>) {
        if (!decode(in, batch.keys.add())) return false;
      } else if constexpr (!std::is_void_v<K>) {
        find_key(key_of_, std::as_const(record), batch.keys.add());
      }
      if constexpr (kHashedAgain<K>) meta.key_hash = key_hash(batch.keys.back());
    }
    return true;
  }

  KeyOf key_of_;
  MakeRouter make_router_;
  [[no_unique_address]] Form form_;
};

template <class K, class T, class KeyOf, class Choose>
std::shared_ptr<const EdgeType> make_edge(KeyOf key_of, Choose choose) {
  return std::make_shared<TypedEdge<K, T, KeyOf>>(key_of, [key_of, choose]() -> std::unique_ptr<Router> {
    return std::make_unique<ChoosingRouter<K, T, KeyOf, Choose>>(key_of, choose);
  });
}

template <class T>
std::shared_ptr<const EdgeType> make_broadcast_edge() {
  return std::make_shared<TypedEdge<void, T, NoKey>>(
      NoKey{}, []() -> std::unique_ptr<Router> { return std::make_unique<BroadcastRouter<T>>(); });
}

}  // namespace freshet::detail

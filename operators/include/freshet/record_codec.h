#pragma once

#include <freshet/batch.h>
#include <freshet/schema.h>

namespace freshet::detail {

/// Records of one type, and the keys they have, as bytes that outlive their batch: for those who keep records without
/// knowing their type. Immutable.
class RecordCodec {
 public:
  virtual ~RecordCodec() = default;
  virtual Schema record() const = 0;
  /// Of the key; its kind is empty where the stream has none.
  virtual Schema key() const = 0;
  /// Appends record `i` of a view, then its key, both msgpack.
  virtual void write(const BatchView& view, std::size_t i, ByteBuffer& out) const = 0;
  /// The same for a record that nobody has filled in.
  virtual void write_blank(ByteBuffer& out) const = 0;
  virtual std::unique_ptr<BatchBase> make_batch() const = 0;
  /// Adds what write() wrote to a batch of make_batch(). False: the bytes are of another type.
  [[nodiscard]] virtual bool read(std::string_view bytes, const RecordMeta& meta, BatchBase& batch) const = 0;
};

/// `K` void: of a stream without a key.
template <class K, class T>
class RecordCodecOf final : public RecordCodec {
 public:
  Schema record() const override { return schema_of<T>(); }
  Schema key() const override {
    if constexpr (std::is_void_v<K>)
      return {};
    else
      return schema_of<K>();
  }
  void write(const BatchView& view, std::size_t i, ByteBuffer& out) const override {
    const auto& batch = static_cast<const BatchOf<K, T>&>(*view.batch);
    encode(out, batch.records[view.index(i)]);
    if constexpr (!std::is_void_v<K>) encode(out, batch.keys[view.index(i)]);
  }
  void write_blank(ByteBuffer& out) const override {
    encode(out, T{});
    if constexpr (!std::is_void_v<K>) encode(out, K{});
  }
  std::unique_ptr<BatchBase> make_batch() const override { return std::make_unique<BatchOf<K, T>>(); }
  bool read(std::string_view bytes, const RecordMeta& meta, BatchBase& into) const override {
    auto& batch = static_cast<BatchOf<K, T>&>(into);
    ByteReader in(bytes);
    if (!decode(in, batch.records.add())) return false;
    if constexpr (!std::is_void_v<K>) {
      if (!decode(in, batch.keys.add())) return false;
    }
    batch.metas.push_back(meta);
    return in.remaining() == 0;
  }
};

}  // namespace freshet::detail

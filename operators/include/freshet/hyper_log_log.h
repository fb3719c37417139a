#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include <freshet/record.h>

namespace freshet {

/// About how many different hashes of 64 bits it was given, in 2^precision bytes at most: HyperLogLog (Flajolet, Fusy,
/// Gandouet, Meunier 2007), with the large hash and the sparse form for small counts of HyperLogLog++ (Heule,
/// Nunkesser, Hall 2013) and the estimator of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches"
/// (2017), which needs no tables of bias. The standard error is 1.04 / sqrt(2^precision): 0.8 % at 14. With less than
/// 2^8 registers, about 1.1 / 2^precision too much is to be added. As long as it is sparse, up to 3/64 of 2^precision
/// hashes, it is exact.
///
/// A Value, in one block of memory; its form is told by the size of that: up to 8 hashes one behind the other; a hash
/// table, at most 3/4 full; 2^precision registers. Neither the order of hashes nor that of merges changes what it says.
class HyperLogLog {
 public:
  static constexpr int kLeastPrecision = 4;
  static constexpr int kMostPrecision = 18;

  /// `precision`, of these, is that of a sketch which is empty; one that is not keeps its own.
  void insert(std::uint64_t hash, int precision) {
    if (precision_ == 0) [[unlikely]]
      start(precision);
    if (hash == 0) hash = 1;  // an empty place of the table
    if (is_dense())
      raise(hash);
    else
      keep(hash);
  }
  /// This one then knows the hashes of both. Where their precisions differ, the smaller one remains.
  void merge(const HyperLogLog& other) {
    if (other.precision_ == 0) return;
    if (precision_ == 0) {
      *this = other;
      return;
    }
    if (precision_ > other.precision_) reduce_to(other.precision_);
    if (!other.is_dense()) {
      other.for_each_hash([this](std::uint64_t hash) { insert(hash, precision_); });
    } else {
      if (!is_dense()) become_dense();
      raise_to(other);
    }
  }

  /// Whole while it is exact.
  double estimate() const { return is_dense() ? estimate_dense() : used_; }
  bool is_exact() const { return !is_dense(); }
  /// 0 while it is empty.
  int precision() const { return precision_; }

  /// Bytes that were read may be anything; every function above holds for what is sound.
  bool freshet_is_sound() const {
    if (precision_ == 0) return used_ == 0 && block_.empty();
    if (precision_ < kLeastPrecision || precision_ > kMostPrecision) return false;
    if (is_dense()) {
      const auto is_rank = [&](char rank) { return static_cast<unsigned char>(rank) <= 65 - precision_; };
      return used_ == 0 && std::all_of(block_.begin(), block_.end(), is_rank);
    }
    if (precision_ < kLeastSparse || block_.size() % sizeof(std::uint64_t) != 0) return false;
    std::size_t hashes = 0;
    for_each_hash([&](std::uint64_t) { ++hashes; });
    if (hashes != used_) return false;
    if (is_list()) return used_ == slots();
    return std::has_single_bit(block_.size()) && block_.size() < dense_bytes() && used_ * 4 <= slots() * 3;
  }

  template <class Self>
  static constexpr auto freshet_fields() {
    return std::tuple{Field{"precision", &Self::precision_}, Field{"used", &Self::used_},
                      Field{"block", &Self::block_}};
  }

 private:
  static constexpr std::size_t kListed = 8;  // hashes that are looked through
  static constexpr std::size_t kListBytes = kListed * sizeof(std::uint64_t);
  /// With less, registers are no larger than a list.
  static constexpr int kLeastSparse = 7;

  std::size_t dense_bytes() const { return std::size_t{1} << precision_; }
  bool is_dense() const { return block_.size() == dense_bytes() && precision_ != 0; }
  bool is_list() const { return block_.size() <= kListBytes; }
  std::size_t slots() const { return block_.size() / sizeof(std::uint64_t); }
  std::uint64_t hash_at(std::size_t slot) const {
    std::uint64_t hash = 0;
    std::memcpy(&hash, block_.data() + slot * sizeof hash, sizeof hash);
    return hash;
  }
  void put_at(std::size_t slot, std::uint64_t hash) {
    std::memcpy(block_.data() + slot * sizeof hash, &hash, sizeof hash);
  }
  template <class Visit>
  void for_each_hash(Visit visit) const {
    for (std::size_t slot = 0; slot < slots(); ++slot)
      if (const auto hash = hash_at(slot); hash != 0) visit(hash);
  }

  void start(int precision) {
    precision_ = static_cast<std::uint8_t>(precision);
    if (precision < kLeastSparse) block_.assign(dense_bytes(), '\0');
  }
  void keep(std::uint64_t hash) {
    if (is_list()) {
      for (std::size_t slot = 0; slot < used_; ++slot)
        if (hash_at(slot) == hash) return;
      if (used_ == kListed) return grow_for(hash);
      block_.append(reinterpret_cast<const char*>(&hash), sizeof hash);
      ++used_;
      return;
    }
    const std::size_t slot = place_of(hash);
    if (hash_at(slot) == hash) return;
    if ((used_ + 1) * 4 > slots() * 3) return grow_for(hash);
    put_at(slot, hash);
    ++used_;
  }
  /// Of a table: where the hash stands or would.
  std::size_t place_of(std::uint64_t hash) const {
    const std::size_t mask = slots() - 1;
    std::size_t slot = hash & mask;
    while (hash_at(slot) != hash && hash_at(slot) != 0) slot = (slot + 1) & mask;
    return slot;
  }
  void grow_for(std::uint64_t hash) {
    const std::size_t size = block_.size() * 2;
    if (size >= dense_bytes()) {
      become_dense();
      return raise(hash);
    }
    std::string before(size, '\0');
    before.swap(block_);
    for (std::size_t at = 0; at < before.size(); at += sizeof(std::uint64_t)) {
      std::uint64_t known = 0;
      std::memcpy(&known, before.data() + at, sizeof known);
      if (known != 0) put_at(place_of(known), known);
    }
    put_at(place_of(hash), hash);
    ++used_;
  }
  void become_dense() {
    HyperLogLog dense;
    dense.precision_ = precision_;
    dense.block_.assign(dense_bytes(), '\0');
    for_each_hash([&](std::uint64_t hash) { dense.raise(hash); });
    *this = std::move(dense);
  }

  /// The register that the first bits of the hash name holds the greatest rank: the place of the first 1 behind them.
  void raise(std::uint64_t hash) {
    const std::uint64_t rest = hash << precision_;
    raise(hash >> (64 - precision_), rest == 0 ? 65 - precision_ : std::countl_zero(rest) + 1);
  }
  void raise(std::size_t at, int rank) { block_[at] = std::max(block_[at], static_cast<char>(rank)); }
  /// Both are dense; `other` is as precise or more.
  void raise_to(const HyperLogLog& other) {
    const int more = other.precision_ - precision_;
    if (more == 0) {
      auto* const mine = reinterpret_cast<std::uint8_t*>(block_.data());
      const auto* const others = reinterpret_cast<const std::uint8_t*>(other.block_.data());
      for (std::size_t from = 0; from < dense_bytes(); from += 16) {  // at once, by the compiler
        std::uint8_t both[16];
        for (std::size_t i = 0; i < 16; ++i) both[i] = std::max(mine[from + i], others[from + i]);
        std::memcpy(mine + from, both, sizeof both);
      }
      return;
    }
    for (std::size_t at = 0; at < other.block_.size(); ++at) {
      if (other.block_[at] == 0) continue;
      const std::size_t rest = at & ((std::size_t{1} << more) - 1);  // bits that are none of the name any more
      raise(at >> more, rest != 0 ? more - static_cast<int>(std::bit_width(rest)) + 1 : more + other.block_[at]);
    }
  }
  void reduce_to(std::uint8_t precision) {
    HyperLogLog before;
    std::swap(before, *this);
    precision_ = precision;
    if (before.is_dense() || precision < kLeastSparse || before.block_.size() >= dense_bytes())
      block_.assign(dense_bytes(), '\0');
    if (before.is_dense())
      raise_to(before);
    else
      before.for_each_hash([this](std::uint64_t hash) { insert(hash, precision_); });
  }

  /// Algorithm 6 of the paper.
  double estimate_dense() const {
    const int ranks = 64 - precision_;
    std::array<std::uint32_t, 66> with{};  // registers of each rank
    for (const char rank : block_) ++with[static_cast<std::size_t>(rank)];
    const auto count = static_cast<double>(block_.size());
    double z = count * tau(1 - with[static_cast<std::size_t>(ranks) + 1] / count);
    for (int rank = ranks; rank >= 1; --rank) z = 0.5 * (z + with[static_cast<std::size_t>(rank)]);
    z += count * sigma(with[0] / count);
    return count * count / (z * 2 * std::numbers::ln2);
  }
  static double sigma(double x) {
    if (x == 1) return std::numeric_limits<double>::infinity();
    double y = 1, z = x;
    for (double before = -1; z != before;) {
      x *= x;
      before = z;
      z += x * y;
      y += y;
    }
    return z;
  }
  static double tau(double x) {
    if (x == 0 || x == 1) return 0;
    double y = 1, z = 1 - x;
    for (double before = -1; z != before;) {
      x = std::sqrt(x);
      before = z;
      y *= 0.5;
      z -= (1 - x) * (1 - x) * y;
    }
    return z / 3;
  }

  std::uint8_t precision_ = 0;
  std::uint32_t used_ = 0;  // hashes, while it is sparse
  std::string block_{};
};

}  // namespace freshet

#pragma once

#include <memory>

#include <freshet/codec.h>
#include <freshet/result.h>
#include <freshet/schema.h>

/// State that outlives its types: values that an earlier revision of a job wrote, as the present one reads them.
///
/// A type can become the same type; an integer a wider integer (unsigned: a wider signed one, too), f64, or, of at most
/// 16 bits, f32; f32 f64; T an optional T; an enum one with more enumerators, names and numbers staying; a record one
/// whose fields of the same name can become each other, in any order: others come and go. Inside lists, optionals and
/// tuples the same holds. Nothing else.
namespace freshet {

/// The first reason why a value of `from` cannot become one of `to`, in words: "field spent: f64 to string, which is no
/// widening". Empty when it can.
std::string why_not(const Schema& from, const Schema& to);

/// How values of one schema become values of another: worked out once, for many values. Immutable.
class Conversion {
 public:
  /// `blank`: a value of `to` as bytes; its fields stand in for those that `from` does not have, the first element of a
  /// list for new fields of all elements. Where it has none (an empty list, no bytes at all) they are zero, empty or
  /// absent. Error: why_not().
  static Result<Conversion> make(const Schema& from, const Schema& to, std::string_view blank);
  Conversion(Conversion&&) noexcept;
  Conversion& operator=(Conversion&&) noexcept;
  ~Conversion();

  /// Appends what `bytes`, one whole value of `from`, are as a value of `to`. False: they are no such value, or hold an
  /// integer of 64 bits that f64 cannot hold; `out` then ends in anything. Appends at most a multiple of what it reads,
  /// given by the blank.
  [[nodiscard]] bool convert(std::string_view bytes, ByteBuffer& out) const;

  struct Step;  ///< of the plan; known in evolution.cpp only

 private:
  explicit Conversion(Step root);
  std::unique_ptr<const Step> root_;
};

}  // namespace freshet

#pragma once

#include "runtime/base/random.h"
#include "runtime/wire/control.h"

/// Control messages with something in every field, made from a seed.
namespace freshet::wire::testing_support {

template <Value T>
void fill(base::Random& random, T& value) {
  if constexpr (std::same_as<T, bool>)
    value = random.chance(0.5);
  else if constexpr (std::integral<T>)
    value = static_cast<T>(random.next() >> random.below(64));
  else if constexpr (std::floating_point<T>)
    value = static_cast<T>(random.unit());
  else if constexpr (std::is_enum_v<T>)
    value = freshet_enumerators(T{})[random.below(freshet_enumerators(T{}).size())].second;
  else if constexpr (std::same_as<T, Time> || std::same_as<T, Duration>)
    value = T(Duration(random.between(0, 1'000'000)));
  else if constexpr (std::same_as<T, std::string>) {
    value.resize(random.below(40));
    for (char& byte : value) byte = static_cast<char>(random.next());
  } else if constexpr (detail::IsVector<T>) {
    value.resize(1 + random.below(3));
    for (auto& element : value) fill(random, element);
  } else if constexpr (detail::IsOptional<T>) {
    if (random.chance(0.5)) fill(random, value.emplace());
  } else if constexpr (detail::IsTuple<T>) {
    std::apply([&](auto&... part) { (fill(random, part), ...); }, value);
  } else {
    for_each_field<T>([&](const auto& field) { fill(random, value.*(field.pointer)); });
  }
}

inline constexpr std::size_t kBodies = std::variant_size_v<ControlBody>;

/// The `index`-th of the messages, filled.
template <std::size_t I = 0>
ControlMessage sample(base::Random& random, std::size_t index) {
  if constexpr (I < kBodies) {
    if (index != I) return sample<I + 1>(random, index);
    ControlMessage message;
    fill(random, message.term);
    fill(random, message.body.emplace<I>());
    return message;
  }
  return {};
}

inline std::string encoded(const ControlMessage& message) {
  ByteBuffer bytes;
  encode_control(bytes, message);
  return std::string(bytes.view());
}

}  // namespace freshet::wire::testing_support

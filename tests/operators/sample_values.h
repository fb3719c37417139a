#pragma once

#include <freshet/key.h>

#include "runtime/base/random.h"

namespace freshet::test {

enum class Color : std::uint8_t { red, green = 7, blue };
FRESHET_ENUM(Color, red, green, blue)
enum class Signed : std::int16_t { low = -300, zero = 0 };
FRESHET_ENUM(Signed, low, zero)

struct Point {
  std::int32_t x = 0;
  std::int32_t y = 0;
  bool operator==(const Point&) const = default;
  FRESHET_RECORD(x, y)
};

/// A field of every kind.
struct Everything {
  bool flag = false;
  std::int8_t i8 = 0;
  std::int16_t i16 = 0;
  std::int32_t i32 = 0;
  std::int64_t i64 = 0;
  std::uint8_t u8 = 0;
  std::uint16_t u16 = 0;
  std::uint32_t u32 = 0;
  std::uint64_t u64 = 0;
  float f32 = 0;
  double f64 = 0;
  std::string text{};
  Time time{};
  Duration duration{};
  Color color{};
  Signed sign = Signed::zero;
  Point point{};
  std::vector<Point> points{};
  std::optional<std::string> maybe{};
  std::tuple<std::uint64_t, std::string> pair_like{};
  std::pair<bool, std::vector<std::string>> pair{};
  bool operator==(const Everything&) const = default;
  FRESHET_RECORD(flag, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, text, time, duration, color, sign, point, points,
                 maybe, pair_like, pair)
};

inline Everything sample_of_everything() {
  Everything all;
  all.flag = true;
  all.i8 = -128;
  all.i16 = -32768;
  all.i32 = -2'147'483'647 - 1;
  all.i64 = std::numeric_limits<std::int64_t>::min();
  all.u8 = 255;
  all.u16 = 65535;
  all.u32 = 4'294'967'295;
  all.u64 = ~0ULL;
  all.f32 = -0.0F;
  all.f64 = 0.1;
  all.text = std::string("a\0\"\xff\xc3\xa4", 6);
  all.time = Time(Duration(1'772'334'431'020));
  all.duration = Duration(-90'000);
  all.color = Color::green;
  all.sign = Signed::low;
  all.point = {1, -1};
  all.points = {{127, 128}, {-32, -33}};
  all.maybe = "there";
  all.pair_like = {300, std::string(40, 'x')};
  all.pair = {true, {"", "b"}};
  return all;
}

inline std::string random_string(base::Random& random, std::size_t most) {
  std::string text(random.below(most + 1), '\0');
  for (auto& c : text) c = static_cast<char>(random.below(256));
  return text;
}

/// Numbers of all lengths, so that every msgpack form comes up.
template <class T>
T random_integer(base::Random& random) {
  return static_cast<T>(random.next() >> random.below(64));
}

inline Everything random_everything(base::Random& random) {
  Everything all;
  all.flag = random.chance(0.5);
  all.i8 = random_integer<std::int8_t>(random);
  all.i16 = random_integer<std::int16_t>(random);
  all.i32 = random_integer<std::int32_t>(random);
  all.i64 = random_integer<std::int64_t>(random);
  all.u8 = random_integer<std::uint8_t>(random);
  all.u16 = random_integer<std::uint16_t>(random);
  all.u32 = random_integer<std::uint32_t>(random);
  all.u64 = random_integer<std::uint64_t>(random);
  all.f32 = static_cast<float>(random.unit()) * 1e9F;
  all.f64 = random.chance(0.2) ? static_cast<double>(random.below(1000)) : random.unit() * 1e200;
  all.text = random_string(random, random.chance(0.1) ? 70'000 : 40);
  all.time = Time(Duration(random_integer<std::int64_t>(random)));
  all.duration = Duration(random_integer<std::int64_t>(random));
  all.color = random.chance(0.5) ? Color::blue : Color::red;
  all.sign = random.chance(0.5) ? Signed::low : Signed::zero;
  all.point = {random_integer<std::int32_t>(random), random_integer<std::int32_t>(random)};
  all.points.resize(random.below(20));
  for (auto& point : all.points) point.x = random_integer<std::int32_t>(random);
  if (random.chance(0.5)) all.maybe = random_string(random, 5);
  all.pair_like = {random.next(), random_string(random, 300)};
  all.pair.second.resize(random.below(3));
  return all;
}

}  // namespace freshet::test

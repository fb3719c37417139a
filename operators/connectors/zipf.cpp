#include "operators/connectors/zipf.h"

#include <algorithm>
#include <cmath>

namespace freshet::files {
namespace {

constexpr double kNearZero = 1e-8;  // below, the first two terms of the series are exact in a double

// expm1(x) / x and log1p(x) / x, continued through 0: so exponent 1 is no special case.
double expm1_over(double x) { return std::abs(x) > kNearZero ? std::expm1(x) / x : 1 + x / 2; }
double log1p_over(double x) { return std::abs(x) > kNearZero ? std::log1p(x) / x : 1 - x / 2; }

}  // namespace

Zipf::Zipf(std::uint64_t count, double exponent)
    : count_(static_cast<double>(count)),
      exponent_(exponent),
      top_(integral(count_ + 0.5)),
      bottom_(integral(1.5) - 1),
      certainly_(2 - inverse_integral(integral(2.5) - density(2))) {}

std::uint64_t Zipf::operator()(Random& random) const {
  while (true) {
    const double y = top_ + random.unit() * (bottom_ - top_);
    const double x = inverse_integral(y);
    const double k = std::clamp(std::floor(x + 0.5), 1.0, count_);
    if (k - x <= certainly_ || y >= integral(k + 0.5) - density(k)) return static_cast<std::uint64_t>(k);
  }
}

double Zipf::density(double x) const { return std::exp(-exponent_ * std::log(x)); }

double Zipf::integral(double x) const {
  const double log_x = std::log(x);
  return expm1_over((1 - exponent_) * log_x) * log_x;
}

double Zipf::inverse_integral(double y) const {
  const double scaled = std::max(y * (1 - exponent_), -1.0);  // rounding may carry it below log1p's domain
  return std::exp(log1p_over(scaled) * y);
}

}  // namespace freshet::files

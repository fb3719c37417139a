#pragma once

#include <cstdint>

#include "operators/connectors/random.h"

namespace freshet::files {

/// Numbers from 1 to `count`, k with a probability in proportion to k^-exponent: 1 is the most frequent; exponent 0
/// makes all equal. In constant time and without a table, by rejection-inversion: W. Hörmann and G. Derflinger,
/// "Rejection-inversion to generate variates from monotone discrete distributions", ACM TOMACS 6 (1996) 3, 169-184.
class Zipf {
 public:
  /// count > 0, exponent >= 0.
  Zipf(std::uint64_t count, double exponent);

  std::uint64_t operator()(Random& random) const;

 private:
  double density(double x) const;           // h of the paper: x^-exponent
  double integral(double x) const;          // H: of the density, from 1
  double inverse_integral(double y) const;  // H^-1

  double count_;
  double exponent_;
  double top_;        // H(count + 1/2)
  double bottom_;     // H(3/2) - h(1)
  double certainly_;  // s: so near to k that x needs no test
};

}  // namespace freshet::files

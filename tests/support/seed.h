#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace freshet::test {

/// FRESHET_SEED of the environment, or one drawn for this run.
inline std::uint64_t seed_of_run() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("FRESHET_SEED");
    const std::uint64_t chosen = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::cout << "FRESHET_SEED=" << chosen << std::endl;
    return chosen;
  }();
  return seed;
}

}  // namespace freshet::test

/// Declares `seed`; it is printed once a program and with every failure.
#define FRESHET_SEEDED(seed)                                      \
  const std::uint64_t seed = ::freshet::test::seed_of_run();      \
  SCOPED_TRACE("FRESHET_SEED=" + std::to_string(seed))

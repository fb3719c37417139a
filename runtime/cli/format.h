#pragma once

#include <cstdint>
#include <string>

/// Numbers as people read them. All functions are pure; a value that is not finite prints as "-".
namespace freshet::cli {

/// 12,000,000
std::string grouped(std::int64_t value);

/// 203 k, 1.42 M, 10.1 M, 913: three digits that count; whole numbers below 1000.
std::string compact(double value);

/// 203 k, 2.1 k, 11 k, 1.4 M, 913, 0.5: as compact(), but two digits are enough for something that changes all the
/// time.
std::string compact_rate(double per_second);

/// 180 B, 38 MiB, 3.1 MiB, 2.1 GiB
std::string bytes(double value);

/// 0.4 ms, 11 ms, 412 ms, 1.2 s: how long one thing took.
std::string latency(double milliseconds);

/// 0.3 s, 4.1 s, 31 s, 2 min 51 s, 2 h 14 min, 3 d 4 h: how long something goes on.
std::string duration(double milliseconds);

/// 31 %, 2 %, 0.3 %, 0.0001 %, 0 %: a share between 0 and 1.
std::string percent(double share);

/// 03:07:12 in local time.
std::string clock_time(std::int64_t epoch_ms);

/// 2026-03-01 03:07:12 CET in local time.
std::string date_time(std::int64_t epoch_ms);

}  // namespace freshet::cli

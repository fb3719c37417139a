#pragma once

#include "jobs/log_monitor/totals.h"

/// A host was answered 404 so often, from the first of these answers to the last.
struct Alert {
  std::string site{}, host{};
  std::uint64_t answers = 0;
  freshet::Time from{}, to{};
  bool operator==(const Alert&) const = default;
  FRESHET_RECORD(site, host, answers, from, to)
};

/// Says whose answers came so often.
class AlertOfHost final
    : public freshet::KeyedOperator<std::tuple<std::string, std::string>, freshet::Repeated, Alert> {
 public:
  void process(const freshet::Repeated& repeated, freshet::Out<Alert>& out) override {
    out.emit({std::get<0>(key()), std::get<1>(key()), repeated.count, repeated.first, repeated.last});
  }
};

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/wire/control.h"

namespace freshet::manager {

/// A message that a decision wants sent. Decisions return these; the job manager sends them.
struct Order {
  enum class To : std::uint8_t { agent, worker };
  To to = To::agent;
  std::string address{};  ///< name of the agent, or the peer that the worker's messages come from
  wire::ControlBody body{};
};

using Orders = std::vector<Order>;

inline Order to_agent(std::string name, wire::ControlBody body) {
  return {Order::To::agent, std::move(name), std::move(body)};
}
inline Order to_worker(std::string peer, wire::ControlBody body) {
  return {Order::To::worker, std::move(peer), std::move(body)};
}

}  // namespace freshet::manager

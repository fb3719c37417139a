#pragma once

#include <freshet/freshet.h>

/// What somebody offers for sale, until when.
struct Auction {
  std::uint64_t id = 0;
  std::string name{};
  freshet::Time time{}, expires{};
  std::uint64_t seller = 0, category = 0;
  FRESHET_RECORD(id, name, time, expires, seller, category)
};

/// Who joins.
struct Person {
  std::uint64_t id = 0;
  std::string name{};
  freshet::Time time{};
  FRESHET_RECORD(id, name, time)
};

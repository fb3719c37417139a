#pragma once

#include <string>

namespace freshet::redis {

/// What Redis answers to one command. Arrays are no answer to anything that is asked here.
struct Reply {
  enum class Kind { integer, text, nil, error };
  Kind kind = Kind::nil;
  long long integer = 0;
  std::string text{};   ///< of an error, too
  bool is_cut = false;  ///< there was more of it
};

/// Why something could not be done: what, and what to do. `may_pass`: a new connection may mend it, while there is
/// time.
struct Failure {
  bool may_pass = false;
  std::string what{};
};

}  // namespace freshet::redis

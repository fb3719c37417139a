#pragma once

#include <freshet/redis_lookup.h>
#include <freshet/redis_sink.h>
#include <freshet/stream.h>

/// Redis as an output of jobs, where the newest record of each key is a hash that anybody can read, and as a store in
/// which records are looked up. A job library that uses it says so: freshet_add_job(shop SOURCES shop.cpp DEPENDS
/// freshet::redis).
///
///   const auto server = redis::server(job, "redis", "127.0.0.1:6379", "Redis that gets the totals");
///   totals.sink("totals_redis", redis::hash(server, "user:{user}"));
///   events.lookup("category", redis::texts(server, "item:{item}"), &Event::item, …).on_error(retry());
namespace freshet::redis {

/// Declares NAME (HOST:PORT or unix:PATH), NAME.database, NAME.prefix, NAME.user, NAME.password_variable,
/// NAME.password_file, NAME.timeout. What is wrong with them becomes problems of the job, all at once. The password
/// itself is no parameter: each worker reads it from its environment or from a file.
inline Server server(Job& job, std::string_view name, const char* fallback, std::string_view help) {
  Server made;
  made.name = std::string(name);
  made.address = job.param(name, fallback, help);
  made.database = job.param(made.name + ".database", made.database, "number of the database");
  made.prefix = job.param(made.name + ".prefix", "", "text before each key");
  made.user = job.param(made.name + ".user", "", "user of Redis' access control; default: Redis' default user");
  made.password_variable =
      job.param(made.name + ".password_variable", "", "environment variable of the workers that holds the password");
  made.password_file = job.param(made.name + ".password_file", "", "file whose first line is the password");
  made.timeout = job.param(made.name + ".timeout", made.timeout, "how long a step may wait for Redis");
  for (const auto& flaw : check_server(made)) {
    const std::string parameter = flaw.option.empty() ? made.name : made.name + "." + flaw.option;
    job.add_problem({"parameter " + parameter, flaw.message, flaw.remedy});
  }
  return made;
}

/// A hash per key: see HashSink and KeyPattern.
struct HashSpec {
  template <class K, class T>
  using Sink = HashSink<K, T>;

  Server server{};
  std::string pattern{};

  std::string description() const { return "redis hashes " + server.prefix + pattern + " at " + server.address; }
  /// What is wrong with the pattern, for keys of these fields.
  Flaw key_problem(const std::vector<std::string>& names, std::size_t parts) const {
    if (names.size() != parts)
      return {"", "the key has " + std::to_string(parts) + " parts under one name", "key_by fields, one for each part"};
    const auto parsed = KeyPattern::parse(pattern, names);
    return parsed ? Flaw{} : Flaw{"", parsed.error().message, "name each field of the key once, in braces"};
  }
  template <class K, class T>
  std::unique_ptr<HashSink<K, T>> make(const std::vector<std::string>& names) const {
    auto parsed = KeyPattern::parse(pattern, names);
    if (!parsed) throw std::runtime_error(parsed.error().message);
    return std::make_unique<HashSink<K, T>>(server, std::move(*parsed));
  }
};
inline HashSpec hash(const Server& server, std::string_view pattern) { return {server, std::string(pattern)}; }

/// Texts under keys that are made of one field: see TextReader.
inline StoreSpec texts(const Server& server, std::string_view pattern) {
  const auto parse = [pattern = std::string(pattern)](const std::string& field) {
    return KeyPattern::parse(pattern, {field});
  };
  return {.description = "redis texts " + server.prefix + std::string(pattern) + " at " + server.address,
          .problem =
              [parse](const std::string& field) {
                const auto parsed = parse(field);
                return parsed ? std::string() : parsed.error().message;
              },
          .make = [server, parse](const std::string& field) -> std::unique_ptr<StoreReader> {
            auto parsed = parse(field);
            if (!parsed) throw std::runtime_error(parsed.error().message);
            return std::make_unique<TextReader>(server, std::move(*parsed));
          }};
}

}  // namespace freshet::redis

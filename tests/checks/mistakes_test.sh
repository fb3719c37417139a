#!/usr/bin/env bash
# Mistakes that a job's author makes while typing: the compiler's first error says for each what is wrong or what to
# write, and there is at most one more behind it. CXX names the compiler.
set -uo pipefail
export LC_ALL=C  # the compiler quotes names with plain quotes
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compile=("${CXX:-c++}" -std=c++20 -fdiagnostics-color=never -Wall -Wextra -Werror -I"$root/operators/include"
  -I"$root/dag/include")

cat >"$work/mistakes.h" <<'CODE'
#include <freshet/files.h>
#include <freshet/redis.h>
using namespace freshet;
struct Plain { int a = 0; };
struct Event {
  std::uint64_t user = 0;
  double amount = 0;
  FRESHET_RECORD(user, amount)
};
struct Total {
  std::uint64_t count = 0;
  FRESHET_RECORD(count)
};
struct Session {
  std::uint64_t user = 0;
  Window window{};
  std::uint64_t events = 0;
  double spent = 0;
  FRESHET_RECORD(user, window, events, spent)
};
struct Backwards {
  Window window{};
  std::uint64_t user = 0, events = 0;
  FRESHET_RECORD(window, user, events)
};
struct NoWindow {
  std::uint64_t user = 0, events = 0;
  FRESHET_RECORD(user, events)
};
struct ByUser : KeyedOperator<std::uint64_t, Event, Total> {
  void process(const Event&, Out<Total>&) override {}
};
struct Totals : UpsertSink<std::uint64_t, Event> {
  void put(const std::uint64_t&, const Event&, Version) override {}
};
inline Stream<Event> events(Job& job) { return job.source("events", SourceSpec<Event>{}); }
CODE
# Read once for all of them: the headers are what takes the time.
"${compile[@]}" -x c++-header "$work/mistakes.h" -o "$work/mistakes.h.gch" || exit 1

# case_of NAME SENTENCE CODE: the first of at most two errors of CODE has SENTENCE; an empty one means that it compiles.
case_of() {
  printf '#include "mistakes.h"\nFRESHET_JOB(x, "") { auto all = events(job); auto by_user = all.key_by(&Event::user);\n' >"$work/case.cpp"
  printf '  static_cast<void>(by_user); %s }\n' "$3" >>"$work/case.cpp"
  local said code errors
  said=$(cd "$work" && "${compile[@]}" -fsyntax-only -Winvalid-pch -I"$work" case.cpp 2>&1)
  code=$?
  errors=$(grep -o 'error: .*' <<<"$said")
  local first count
  first=$(head -n 1 <<<"$errors")
  count=$(grep -c . <<<"$errors")
  if [[ -z $2 && $code == 0 ]] || [[ -n $2 && $code != 0 && $first == *"$2"* && $count -le 2 ]]; then
    echo "$1: $first" >>"$work/said"
    return
  fi
  printf '%s: expected "%s", exit code %s\n%s\n' "$1" "$2" "$code" "$errors" >>"$work/wrong"
}

case_of "no mistake" "" 'by_user.fold("n", [](Total& t, const Event&) { ++t.count; }).emit(at_end());'
case_of "a sink by key" "" 'by_user.sink<Totals>("t");'
case_of "a sink by key on a stream without" "an UpsertSink<K, T> ends a stream keyed by K" 'all.sink<Totals>("t");'
case_of "redis by key" "" 'by_user.sink("r", redis::hash({}, "{user}"));'
case_of "redis on a stream without a key" "this sink writes by key: key_by(…) before it" \
  'all.sink("r", redis::hash({}, "{user}"));'
case_of "map gives no record" "map must return a record: a struct with FRESHET_RECORD" \
  'all.map("m", [](const Event&) { return Plain{}; });'
case_of "map gives a number" "map must return a record: a struct with FRESHET_RECORD" \
  'all.map("m", [](const Event&) { return 1; });'
case_of "map of another record" "the function must take the stream's record" \
  'all.map("m", [](const Total& t) { return t; });'
case_of "filter without an answer" "filter takes [](const Record& record) -> bool" 'all.filter("f", [](const Event&) {});'
case_of "fold over a number" "the state of fold is the record that goes out" \
  'by_user.fold("f", [](int& n, const Event&) { ++n; });'
case_of "a floating-point key" "a key is made of integers, strings, enums and times (no floating point)" \
  'all.key_by(&Event::amount);'
case_of "a keyed step without a key" "has no member named 'fold'" \
  'all.fold("f", [](Total& t, const Event&) { ++t.count; });'
case_of "a keyed operator without a key" "the operator works under a key: put .key_by" 'all.process<ByUser>("p");'
case_of "an operator of another key" "the operator's key is not the stream's key" \
  'all.key_by("k", [](const Event&) { return std::string(); }).process<ByUser>("p");'
case_of "a generic lambda" "name the types of the lambda's parameters" \
  'all.flat_map("f", [](const Event& e, auto& out) { out.emit(e); });'
case_of "queryable without state" "has no member named 'queryable'" \
  'all.filter("f", [](const Event&) { return true; }).queryable();'
case_of "direct without the number of tasks" "direct takes [](const Record& record, std::size_t tasks)" \
  'all.direct([](const Event&) { return std::size_t{0}; });'
case_of "a window" "" 'by_user.window(session(30min)).aggregate<Session>("s", count().as(&Session::events)).late();'
case_of "a window without a key" "has no member named 'window'" 'all.window(session(30min));'
case_of "a result that begins wrongly" "the result begins with the fields of the key" \
  'by_user.window(session(30min)).aggregate<Backwards>("s", count().as(&Backwards::events));'
case_of "a result without window" "the result has a field of type Window" \
  'by_user.window(session(30min)).aggregate<NoWindow>("s", count().as(&NoWindow::events));'
case_of "a result that is no record" "the result of aggregate is a record" \
  'by_user.window(session(30min)).aggregate<Plain>("s");'
case_of "an aggregate that does not fit" "this aggregate does not fit the field" \
  'by_user.window(session(30min)).aggregate<Session>("s", count().as(&Session::window));'
case_of "a fraction in a whole number" "the field must be a floating-point number" \
  'by_user.window(session(30min)).aggregate<Session>("s", mean(&Event::amount).as(&Session::events));'
case_of "an aggregate of another record" "each column looks at fields of the stream's record" \
  'by_user.window(session(30min)).aggregate<Session>("s", sum(&Total::count).as(&Session::events));'
case_of "a column of another result" "each column fills a field of the result" \
  'by_user.window(session(30min)).aggregate<Session>("s", count().as(&NoWindow::events));'
case_of "a join" "" \
  'by_user.interval_join("j", by_user, between(-3s, 5s), [](const Event& a, const Event&) { return a; }).late_left();'
case_of "a join by windows" "" 'by_user.window_left_join("j", by_user, tumbling(10s),
  [](const Event& a, const Event*, const Window&) { return a; }).late_right();'
case_of "a join with a stream without a key" "the other stream of a join has no key: put .key_by(…) behind it" \
  'by_user.interval_join("j", all, between(-3s, 5s), [](const Event& a, const Event&) { return a; });'
case_of "a join under two kinds of keys" "both streams of a join have a key of the same type" \
  'by_user.interval_join("j", all.key_by("k", [](const Event&) { return std::string(); }), between(-3s, 5s),
  [](const Event& a, const Event&) { return a; });'
case_of "a join of other records" "a join takes [](const Left& left, const Right& right)" \
  'by_user.interval_join("j", by_user, between(-3s, 5s), [](const Event& a, const Total&) { return a; });'
case_of "a left join that expects a partner" "a left join takes [](const Left& left, const Right* right)" \
  'by_user.window_left_join("j", by_user, tumbling(10s), [](const Event& a, const Event&) { return a; });'
case_of "a join that gives a number" "a join gives a record: a struct with FRESHET_RECORD" \
  'by_user.interval_join("j", by_user, between(-3s, 5s), [](const Event&, const Event&) { return 1; });'
case_of "a lookup" "" 'by_user.lookup("l", all, &Event::user,
  [](const Event& e, const RulesView<std::uint64_t, Event>& rules, Out<Event>& out) { if (rules.find(1)) out.emit(e); })
  .fold("n", [](Total& t, const Event&) { ++t.count; });'
case_of "a lookup by a fraction" "the id of a rule is made of integers, strings, enums and times" \
  'all.lookup("l", all, &Event::amount, [](const Event& e, int, Out<Event>& out) { out.emit(e); });'
case_of "a lookup of other rules" "lookup takes [](const Record& record, const RulesView<Id, Rule>& rules" \
  'all.lookup("l", all, &Event::user, [](const Event& e, const RulesView<int, Event>&, Out<Event>& out) { out.emit(e); });'
case_of "the key of another record" "key_by" 'all.key_by(&Total::count);'

cat "$work/said"
[[ ! -e $work/wrong ]] || { cat "$work/wrong" >&2; exit 1; }

#include "runtime/wire/control.h"

#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <array>
#include <msgpack/pack.hpp>

namespace freshet::wire {

namespace {

constexpr std::uint8_t kControlVersion = 1;
constexpr std::size_t kKinds = std::variant_size_v<ControlBody>;

struct Kind {
  std::uint8_t number;  // on the wire: never changed, never used again for another message
  std::string_view name;
};

/// In the order of ControlBody; the numbers are grouped by who speaks to whom.
constexpr std::array<Kind, kKinds> kKindTable{{
    {1, "AgentHello"},      {2, "AgentHeartbeat"},  {3, "WorkerStarted"},      {4, "WorkerEnded"},
    {5, "LibraryRequest"},  {32, "AgentWelcome"},   {33, "StartWorker"},       {34, "StopWorker"},
    {35, "LibraryChunk"},   {36, "ReadPlaces"},     {64, "WorkerHello"},       {65, "WorkerPrepared"},
    {66, "WorkerRunning"},  {67, "WorkerStatus"},   {68, "BrakePulled"},       {69, "TaskFailed"},
    {71, "TasksFinished"},  {72, "SnapshotStored"}, {73, "SnapshotDeclined"},  {74, "DataEnded"},
    {75, "LettersChanged"}, {96, "PrepareWorker"},  {97, "StartTasks"},        {98, "InjectBarrier"},
    {99, "PauseSources"},   {100, "StopTasks"},     {101, "CommitCheckpoint"}, {102, "EndStream"},
    {103, "ChangeLetters"},
}};

template <std::size_t... I>
constexpr bool table_names_the_alternatives(std::index_sequence<I...>) {
  constexpr auto unqualified = [](std::string_view name) { return name.substr(name.rfind(':') + 1); };
  return ((unqualified(type_name<std::variant_alternative_t<I, ControlBody>>()) == kKindTable[I].name) && ...);
}

constexpr bool numbers_grow() {
  for (std::size_t i = 1; i < kKinds; ++i) {
    if (kKindTable[i - 1].number >= kKindTable[i].number) return false;
  }
  return true;
}

static_assert(table_names_the_alternatives(std::make_index_sequence<kKinds>()), "one row per message, in order");
static_assert(numbers_grow(), "each number names one message");

using DecodeBody = bool (*)(ByteReader&, ControlBody&);

template <std::size_t... I>
constexpr std::array<DecodeBody, kKinds> make_decoders(std::index_sequence<I...>) {
  return {[](ByteReader& in, ControlBody& body) { return decode(in, body.emplace<I>()); }...};
}

constexpr auto kDecoders = make_decoders(std::make_index_sequence<kKinds>());

/// Array header, version and kind; the index of the kind in the table, or kKinds and the reason in `why`.
std::size_t read_kind(ByteReader& in, std::string& why) {
  std::uint32_t parts = 0;
  std::uint8_t version = 0;
  std::uint8_t number = 0;
  if (!in.array_header(parts) || parts != 4 || !decode(in, version)) {
    why = "not a control message";
    return kKinds;
  }
  if (version != kControlVersion) {
    why =
        "control protocol version " + std::to_string(version) + ", this one speaks " + std::to_string(kControlVersion);
    return kKinds;
  }
  if (!decode(in, number)) {
    why = "control message without a kind";
    return kKinds;
  }
  for (std::size_t i = 0; i < kKinds; ++i) {
    if (kKindTable[i].number == number) return i;
  }
  why = "unknown control message kind " + std::to_string(number);
  return kKinds;
}

}  // namespace

void encode_control(ByteBuffer& out, const ControlMessage& message) {
  msgpack::packer<ByteBuffer>(out).pack_array(4);
  encode(out, kControlVersion);
  encode(out, kKindTable[message.body.index()].number);
  encode(out, message.term.value);
  std::visit([&](const auto& body) { encode(out, body); }, message.body);
}

bool decode_control(std::string_view bytes, ControlMessage& message, std::string& why) {
  if (bytes.size() > kMaxControlBytes) {
    why = "control message of " + std::to_string(bytes.size()) + " bytes, at most " + std::to_string(kMaxControlBytes) +
          " are taken";
    return false;
  }
  ByteReader in(bytes);
  const std::size_t kind = read_kind(in, why);
  if (kind == kKinds) return false;
  const auto malformed = [&](const char* what) {
    why = std::string(kKindTable[kind].name) + ": " + what;
    return false;
  };
  if (!decode(in, message.term.value)) return malformed("no term");
  if (!kDecoders[kind](in, message.body)) return malformed("malformed body");
  if (in.remaining() != 0) return malformed("bytes behind its end");
  return true;
}

std::string_view control_name(const ControlBody& body) { return kKindTable[body.index()].name; }

}  // namespace freshet::wire

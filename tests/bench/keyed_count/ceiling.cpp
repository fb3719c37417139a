// What the wire and the memory of this machine allow for keyed_count: two processes written by hand for this one task.
// One packs records into frames, the other decodes and counts them in a table made for these keys. No operators, no
// credit, no checksums, no failures. Same records, same hash, same compiler flags as the engine.
//
//   keyed_count_ceiling RECORDS KEYS SHAPE FRAME-BYTES click|visit|parcel
//                                                                  prints "NANOSECONDS RECORDS KEYS BYTES"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <freshet/key.h>
#include <msgpack/pack.hpp>
#include <zmq.hpp>

#include "tests/bench/keyed_count/record.h"
#include "tests/bench/steady.h"

namespace freshet::bench {
namespace {

constexpr std::size_t kLongestRecord = 2 * kPayloadBytes;
/// Frames that may wait on either side; as much as the engine's credit lets be under way, and then some.
constexpr int kFramesUnderWay = 16;

/// Where the packer writes to: a frame with room enough.
struct Cursor {
  char* next;
  void write(const char* bytes, std::size_t count) {
    std::memcpy(next, bytes, count);
    next += count;
  }
};

void pack(Cursor& out, const Click& click) {
  msgpack::packer<Cursor> packer(out);
  packer.pack_array(5);
  packer.pack_uint64(click.user);
  packer.pack_uint64(click.item);
  packer.pack_uint32(click.category);
  packer.pack_uint8(click.action);
  packer.pack_int64(click.time_ms);
}

void pack(Cursor& out, const Visit& visit) {
  msgpack::packer<Cursor> packer(out);
  packer.pack_array(5);
  packer.pack_uint64(visit.user);
  packer.pack_uint64(visit.item);
  packer.pack_uint32(visit.category);
  packer.pack_int64(visit.time_ms);
  packer.pack_str(static_cast<std::uint32_t>(visit.page.size()));
  packer.pack_str_body(visit.page.data(), static_cast<std::uint32_t>(visit.page.size()));
}

void pack(Cursor& out, const Parcel& parcel) {
  msgpack::packer<Cursor> packer(out);
  packer.pack_array(3);
  packer.pack_uint64(parcel.user);
  packer.pack_int64(parcel.time_ms);
  packer.pack_str(static_cast<std::uint32_t>(parcel.payload.size()));
  packer.pack_str_body(parcel.payload.data(), static_cast<std::uint32_t>(parcel.payload.size()));
}

template <class T>
T big_endian(const char*& in) {
  T bits;
  std::memcpy(&bits, in, sizeof bits);
  in += sizeof bits;
  if constexpr (sizeof bits == 2) return __builtin_bswap16(bits);
  if constexpr (sizeof bits == 4) return __builtin_bswap32(bits);
  if constexpr (sizeof bits == 8) return __builtin_bswap64(bits);
  return bits;
}

/// Numbers of these records are never negative. The sender is our own: nothing is checked.
std::uint64_t unpack_number(const char*& in) {
  const auto tag = static_cast<std::uint8_t>(*in++);
  switch (tag) {
    case 0xcc:
      return big_endian<std::uint8_t>(in);
    case 0xcd:
      return big_endian<std::uint16_t>(in);
    case 0xce:
      return big_endian<std::uint32_t>(in);
    case 0xcf:
    case 0xd3:
      return big_endian<std::uint64_t>(in);
    default:
      return tag;
  }
}

void unpack(const char*& in, Click& click) {
  ++in;
  click.user = unpack_number(in);
  click.item = unpack_number(in);
  click.category = static_cast<std::uint32_t>(unpack_number(in));
  click.action = static_cast<std::uint8_t>(unpack_number(in));
  click.time_ms = static_cast<std::int64_t>(unpack_number(in));
}

void unpack(const char*& in, Visit& visit) {
  ++in;
  visit.user = unpack_number(in);
  visit.item = unpack_number(in);
  visit.category = static_cast<std::uint32_t>(unpack_number(in));
  visit.time_ms = static_cast<std::int64_t>(unpack_number(in));
  ++in;  // a text of 32 to 255 bytes
  const auto length = static_cast<std::uint8_t>(*in++);
  visit.page.assign(in, length);
  in += length;
}

void unpack(const char*& in, Parcel& parcel) {
  ++in;
  parcel.user = unpack_number(in);
  parcel.time_ms = static_cast<std::int64_t>(unpack_number(in));
  ++in;  // a text of 256 to 65,535 bytes
  const auto length = big_endian<std::uint16_t>(in);
  parcel.payload.assign(in, length);
  in += length;
}

template <class T>
void send_records(zmq::socket_t& socket, std::uint64_t records, const Keys& keys, std::size_t frame_bytes) {
  T record;
  for (std::uint64_t i = 0; i < records;) {
    zmq::message_t frame(frame_bytes + kLongestRecord);
    Cursor out{frame.data<char>() + sizeof(std::uint32_t)};
    const char* const full = frame.data<char>() + frame_bytes;
    for (; i < records && out.next < full; ++i) {
      fill(record, i, keys);
      pack(out, record);
    }
    const auto used = static_cast<std::uint32_t>(out.next - frame.data<char>());
    std::memcpy(frame.data(), &used, sizeof used);
    socket.send(frame, zmq::send_flags::none);
  }
  socket.send(zmq::message_t(), zmq::send_flags::none);
}

/// Counts by key; asks memory for the slots of a whole group of keys before it touches them.
class Table {
 public:
  explicit Table(std::uint64_t keys) : slots_(std::bit_ceil(keys * 2)), mask_(slots_.size() - 1) {}

  void add(std::uint64_t key) {
    waiting_[waiting_count_++] = {key, key_hash(key) & mask_};
    __builtin_prefetch(&slots_[waiting_[waiting_count_ - 1].slot], 1);
    if (waiting_count_ == waiting_.size()) settle();
  }
  void settle() {
    for (std::size_t i = 0; i < waiting_count_; ++i) {
      auto [key, slot] = waiting_[i];
      while (slots_[slot].count != 0 && slots_[slot].key != key) slot = (slot + 1) & mask_;
      slots_[slot].key = key;
      ++slots_[slot].count;
    }
    waiting_count_ = 0;
  }
  std::pair<std::uint64_t, std::uint64_t> records_and_keys() const {
    std::pair<std::uint64_t, std::uint64_t> sums{0, 0};
    for (const auto& slot : slots_) {
      sums.first += slot.count;
      sums.second += slot.count != 0 ? 1 : 0;
    }
    return sums;
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint64_t count = 0;
  };
  struct Waiting {
    std::uint64_t key;
    std::uint64_t slot;
  };
  std::vector<Slot> slots_;
  std::uint64_t mask_;
  std::array<Waiting, 32> waiting_{};
  std::size_t waiting_count_ = 0;
};

template <class T>
std::uint64_t receive_records(zmq::socket_t& socket, Table& table) {
  T record;
  std::uint64_t bytes = 0;
  for (;;) {
    zmq::message_t frame;
    static_cast<void>(socket.recv(frame, zmq::recv_flags::none));
    if (frame.size() == 0) break;
    std::uint32_t used = 0;
    std::memcpy(&used, frame.data(), sizeof used);
    bytes += used;
    const char* in = frame.data<char>() + sizeof used;
    for (const char* const end = frame.data<char>() + used; in < end;) {
      unpack(in, record);
      table.add(record.user);
    }
  }
  table.settle();
  return bytes;
}

template <class T>
int run(std::uint64_t records, const Keys& keys, std::size_t frame_bytes) {
  // Shared with the child: where to connect, and when it began.
  struct Shared {
    char endpoint[64];
    std::int64_t start_ns;
  };
  auto* const shared =
      static_cast<Shared*>(mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  int ready[2];
  if (shared == MAP_FAILED || pipe(ready) != 0) return 1;
  const pid_t sender = fork();
  if (sender == 0) {
    char byte = 0;
    if (read(ready[0], &byte, 1) != 1) _exit(1);
    zmq::context_t context(1);
    zmq::socket_t socket(context, zmq::socket_type::push);
    socket.set(zmq::sockopt::sndhwm, kFramesUnderWay);
    socket.connect(shared->endpoint);
    shared->start_ns = steady_ns();
    send_records<T>(socket, records, keys, frame_bytes);
    socket.close();
    context.close();
    _exit(0);
  }
  Table table(keys.count());
  zmq::context_t context(1);
  zmq::socket_t socket(context, zmq::socket_type::pull);
  socket.set(zmq::sockopt::rcvhwm, kFramesUnderWay);
  socket.bind("tcp://127.0.0.1:*");
  std::snprintf(shared->endpoint, sizeof shared->endpoint, "%s", socket.get(zmq::sockopt::last_endpoint).c_str());
  if (write(ready[1], "x", 1) != 1) return 1;
  const std::uint64_t bytes = receive_records<T>(socket, table);
  const std::int64_t took_ns = steady_ns() - shared->start_ns;
  int status = 0;
  if (waitpid(sender, &status, 0) != sender || status != 0) return 1;
  const auto [counted, distinct] = table.records_and_keys();
  std::printf("%lld %llu %llu %llu\n", static_cast<long long>(took_ns), static_cast<unsigned long long>(counted),
              static_cast<unsigned long long>(distinct), static_cast<unsigned long long>(bytes));
  return counted == records ? 0 : 1;
}

}  // namespace
}  // namespace freshet::bench

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: %s RECORDS KEYS SHAPE FRAME-BYTES click|visit|parcel\n", argv[0]);
    return 2;
  }
  const auto records = std::strtoull(argv[1], nullptr, 10);
  using namespace freshet::bench;
  const Keys keys(std::strtoull(argv[2], nullptr, 10), argv[3]);
  const auto frame_bytes = std::strtoull(argv[4], nullptr, 10);
  if (std::strcmp(argv[5], "visit") == 0) return run<Visit>(records, keys, frame_bytes);
  if (std::strcmp(argv[5], "parcel") == 0) return run<Parcel>(records, keys, frame_bytes);
  return run<Click>(records, keys, frame_bytes);
}

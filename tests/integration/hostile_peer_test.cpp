// Whoever reaches a port of a running engine and sends what no engine would send: the processes go on, take no memory
// for it, count what they refused, and the job ends with the right results.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <zmq.hpp>

#include "runtime/base/process.h"
#include "runtime/base/random.h"
#include "runtime/wire/control.h"
#include "runtime/wire/frame.h"
#include "tests/integration/eventually.h"
#include "tests/integration/process_table.h"
#include "tests/integration/tally.h"
#include "tests/integration/test_cluster.h"
#include "tests/operators/connectors/test_files.h"
#include "tests/support/seed.h"

namespace freshet::integration {
namespace {

using files::testing::TestDirectory;

std::string random_bytes(base::Random& random, std::size_t most) {
  std::string bytes(random.below(most + 1), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  return bytes;
}

/// A frame that would be believed but for what a test changes in it.
std::string frame(wire::FrameHeader header, const std::string& payload) {
  header.length = static_cast<std::uint32_t>(payload.size());
  header.checksum = wire::payload_checksum(payload);
  std::string bytes(wire::kHeaderBytes, '\0');
  wire::write_header(header, bytes.data());
  return bytes + payload;
}

std::vector<std::string> hostile_frames(base::Random& random) {
  wire::FrameHeader mine;
  mine.attempt = {1};
  mine.sequence = 1;
  std::vector<std::string> frames;
  for (int i = 0; i < 300; ++i) frames.push_back(random_bytes(random, 3000));
  for (int i = 0; i < 50; ++i) {
    const std::string payload = random_bytes(random, 500);
    auto header = mine;
    header.attempt = {2 + static_cast<std::uint32_t>(random.below(1000))};
    frames.push_back(frame(header, payload));  // of an attempt that never was
    std::string bytes = frame(mine, payload);
    bytes[random.below(5)] ^= 0x40;  // wrong magic or version
    frames.push_back(bytes);
    bytes = frame(mine, payload + "x");
    frames.push_back(bytes.substr(0, bytes.size() - 1));  // shorter than it says
    bytes = frame(mine, payload + "x");
    bytes.back() ^= 1;  // wrong checksum
    frames.push_back(bytes);
    header = mine;
    header.channel = {99, static_cast<std::uint32_t>(random.below(1u << 31)), 0xffffffff, 0};
    frames.push_back(frame(header, payload));  // of a channel that is not there
    header = mine;
    header.kind = wire::MessageKind::grant;
    frames.push_back(frame(header, std::string("\x91\xdd\xff\xff\xff\xff", 6)));  // four billion grants
  }
  return frames;
}

std::vector<std::string> hostile_control(base::Random& random) {
  std::vector<std::string> messages;
  for (int i = 0; i < 300; ++i) messages.push_back(random_bytes(random, 3000));
  ByteBuffer whole;
  wire::encode_control(whole, {{}, wire::AgentHello{"nobody", "nowhere", 1'000'000, 1, "9.9", {}}});
  const std::string hello(whole.view());
  for (std::size_t length = 0; length < hello.size(); ++length) messages.push_back(hello.substr(0, length));
  messages.emplace_back("\xdd\xff\xff\xff\xff", 5);
  messages.emplace_back("\x94\x01\x01\x00\xdb\xff\xff\xff\xff", 9);
  return messages;
}

void send_all(int port, const std::vector<std::string>& messages) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 30'000);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.connect("tcp://127.0.0.1:" + std::to_string(port));
  for (const auto& message : messages) socket.send(zmq::buffer(message), zmq::send_flags::none);
  socket.send(zmq::str_buffer("in"), zmq::send_flags::sndmore);
  socket.send(zmq::str_buffer("two parts"), zmq::send_flags::none);
}

/// A connection without ZeroMQ.
class RawConnection {
 public:
  explicit RawConnection(int port) : descriptor_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    const timeval limit{kPatience.count(), 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;
  ~RawConnection() { close(descriptor_); }

  void write(const std::string& bytes) const {
    EXPECT_EQ(send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  bool is_hung_up_on() const {
    char buffer[256];
    ssize_t got = 0;
    while ((got = recv(descriptor_, buffer, sizeof buffer, 0)) > 0) {
    }
    return got == 0 || errno == ECONNRESET;
  }

 private:
  const int descriptor_;
};

/// ZeroMQ's own protocol up to a message of 2^60 bytes.
std::string huge_zmtp_message() {
  std::string bytes("\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL", 16);
  bytes.resize(64, '\0');
  const std::string ready = std::string("\5READY\13Socket-Type\0\0\0\6DEALER", 28);
  bytes += std::string("\4") + static_cast<char>(ready.size()) + ready;
  return bytes + std::string("\2\x10\0\0\0\0\0\0\0", 9) + "and so on";
}

void expect_huge_message_is_cut(int port) {
  const RawConnection connection(port);
  connection.write(huge_zmtp_message());
  EXPECT_TRUE(connection.is_hung_up_on());
}

TEST(HostilePeer, GarbageAtEveryPortChangesNothing) {
  FRESHET_SEEDED(seed);
  base::Random random(seed);
  const TestDirectory directory;
  const TestCluster cluster(directory.path("cluster"), 2);
  const std::string gate = directory.write("gate", "closed");
  auto arguments = parameters({"count=100000", "payload=100", "gate=" + gate, "output=" + directory.path("tallies")});
  arguments.insert(arguments.end(), {"--parallelism", "2"});
  const auto submitted = cluster.submit(FRESHET_FAULTS, "flow", arguments);
  ASSERT_EQ(submitted.exit_code, 0) << submitted.output;
  const auto workers = cluster.view().worker_pids("flow");
  ASSERT_EQ(workers.size(), 2u);
  ASSERT_TRUE(eventually(kPatience, [&] { return cluster.view().metric("freshet_task_in_flight_bytes") > 3e6; }));

  std::map<pid_t, std::uint64_t> before;
  for (const pid_t pid : {cluster.manager_pid(), workers[0], workers[1]})
    before[pid] = base::resident_bytes(pid).value_or(0);
  std::size_t frames_sent = 0, control_sent = 0;
  const int control_port = std::stoi(cluster.control_address().substr(cluster.control_address().find(':') + 1));
  for (const pid_t pid : workers) {
    const auto ports = listening_ports(pid);
    ASSERT_EQ(ports.size(), 1u);
    const auto frames = hostile_frames(random);
    send_all(ports[0], frames);
    frames_sent += frames.size() + 1;
    expect_huge_message_is_cut(ports[0]);
    RawConnection(ports[0]).write("GET / HTTP/1.1\r\n\r\n" + random_bytes(random, 500));
  }
  const auto messages = hostile_control(random);
  send_all(control_port, messages);
  control_sent += messages.size() + 1;
  expect_huge_message_is_cut(control_port);
  RawConnection(control_port).write("GET / HTTP/1.1\r\n\r\n" + random_bytes(random, 500));

  EXPECT_TRUE(eventually(kPatience,
                         [&] {
                           return cluster.view().metric("freshet_worker_refused_messages_total") >=
                                  static_cast<double>(frames_sent);
                         }))
      << cluster.view().metric("freshet_worker_refused_messages_total") << " of " << frames_sent;
  EXPECT_TRUE(eventually(kPatience,
                         [&] {
                           return cluster.view().metric("freshet_manager_refused_messages_total") >=
                                  static_cast<double>(control_sent);
                         }))
      << cluster.view().metric("freshet_manager_refused_messages_total") << " of " << control_sent;
  const auto status = cluster.view().job("flow");
  EXPECT_EQ(status.value("state", ""), "Running");
  for (const auto& worker : status["workers"]) EXPECT_GT(worker.value("refused_messages", 0), 500) << worker;
  for (const auto& [pid, bytes] : before) {
    const auto now = base::resident_bytes(pid).value_or(0);
    std::cout << "pid " << pid << ": resident " << bytes / 1024 << " KiB before, " << now / 1024 << " after"
              << std::endl;
    EXPECT_LE(now, bytes + 16 * kMiB) << command_line(pid);
  }
  EXPECT_EQ(cluster.view().worker_pids("flow"), workers);
  std::filesystem::remove(gate);
  ASSERT_TRUE(cluster.view().wait_for("flow", "Finished")) << cluster.view().job("flow");
  const auto tally = tally_in(directory.path("tallies"));
  EXPECT_EQ(tally.count, 100'000u);
  EXPECT_EQ(tally.sum, 100'000ull * 99'999 / 2);
  EXPECT_EQ(tally.wrong, 0u);
}

}  // namespace
}  // namespace freshet::integration

#include "runtime/agent/agent_process.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "runtime/agent/agent.h"
#include "runtime/agent/file_library_cache.h"
#include "runtime/agent/proc_machine_gauge.h"
#include "runtime/agent/process_launcher.h"
#include "runtime/agent/read_router.h"
#include "runtime/base/file.h"
#include "runtime/base/process.h"
#include "runtime/base/signals.h"
#include "runtime/reads/read_server.h"
#include "runtime/transport/zmq_control_client.h"

namespace freshet::agent {

namespace {

constexpr auto kMostWait = std::chrono::milliseconds(200);
constexpr auto kEndPoll = Duration(10);
constexpr Duration kGrace{3000};

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

AgentOptions core_options(const AgentProcessOptions& options, const std::string& reads) {
  AgentOptions core;
  core.name = options.name;
  core.host = host_name();
  core.slots = options.slots;
  core.pid = static_cast<std::uint64_t>(base::own_pid());
  core.version = FRESHET_VERSION;
  core.reads = reads;
  return core;
}

/// The port in "127.0.0.1:7072"; 0: there is none.
int port_in(const std::string& address) {
  const auto colon = address.rfind(':');
  int port = 0;
  if (colon != std::string::npos)
    (void)std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  return port > 0 && port < 65'536 ? port : 0;
}

/// For an agent that was killed to let go of its folder.
constexpr Duration kLockPatience{2'000};

/// Two agents in one folder would take each other's workers over.
Result<base::FileDescriptor> lock_folder(const std::string& folder) {
  auto lock = base::lock_file(folder + "/agent.lock", kLockPatience);
  if (!lock) return lock.error();
  if (*lock) return *std::move(*lock);
  return Error{"another agent works in " + folder + ". Give this one a folder of its own: --data DIR"};
}

}  // namespace

class AgentUnit::Parts {
 public:
  /// `lock`: on the data folder.
  Parts(const AgentProcessOptions& options, transport::EventLoop& loop, base::Logger log, base::FileDescriptor lock)
      : lock_(std::move(lock)),
        loop_(loop),
        log_(std::move(log)),
        clock_(),
        launcher_({.manager = options.manager,
                   .data = options.data,
                   .orphan_after = options.orphan_after,
                   .reads_per_second = options.reads_per_second}),
        libraries_(options.libraries.empty() ? options.data + "/libraries" : options.libraries, options.name),
        gauge_(options.data),
        router_({.file = options.data + "/read_places", .reads_per_second = options.reads_per_second}, clock_) {}

  /// Before connect(): the job manager is told the address.
  Status serve_reads(const AgentProcessOptions& options) {
    // Who reads knows this address: an agent that is started anew takes it again, if it can.
    const std::string file = options.data + "/reads";
    std::string before;
    std::ifstream(file) >> before;
    for (const int port : {options.read_port != 0 ? options.read_port : port_in(before), 0}) {
      reads_ = std::make_unique<reads::ReadServer>(
          reads::ReadServerOptions{.host = options.bind, .port = port},
          [this](const reads::ReadRequest& request) { return router_.handle(request); });
      const auto started = reads_->start();
      if (!started && (options.read_port != 0 || port == 0))
        return Error{started.error().message + ". Another: --read-port"};
      if (started) break;
    }
    std::ofstream(file, std::ios::trunc) << reads_->address() << '\n';
    log_.info("queryable state on ", reads_->address());
    return {};
  }

  Status connect(const AgentProcessOptions& options) {
    auto client = transport::ZmqControlClient::create(
        loop_, {.endpoint = "tcp://" + options.manager},
        {.deliver = [this](wire::ControlMessage message) { with_tick([&] { agent_->on_message(message); }); },
         .on_connected = [this] { with_tick([&] { agent_->on_connected(); }); },
         .on_disconnected = [this] { log_.warn("the job manager is away"); }},
        log_);
    if (!client) return client.error();
    client_ = std::move(*client);
    agent_ = std::make_unique<Agent>(core_options(options, reads_->address()), clock_, *client_, launcher_, libraries_,
                                     gauge_, &router_);
    agent_->take_over();
    loop_.add_fd(launcher_.exits_fd(), [this] { on_exits(); });
    tick();
    return {};
  }
  ~Parts() {
    router_.stop();  // the server's end waits for its requests
    loop_.cancel(timer_);
    loop_.remove_fd(launcher_.exits_fd());
  }

  void end_workers(Duration grace, std::function<void()> then) {
    ending_since_ = clock_.steady();
    await_end(grace, std::move(then));
  }

 private:
  template <class F>
  void with_tick(F&& what) {
    what();
    tick();
  }
  void tick() {
    loop_.cancel(timer_);
    const auto next = std::min(agent_->on_tick(), clock_.steady() + kMostWait);
    timer_ = loop_.call_at(next, [this] { tick(); });
  }
  void on_exits() {
    for (const auto& [worker, status] : launcher_.reap()) {
      log_.info(to_string(worker), " ended, exit code ", status.code, ", signal ", status.signal);
      agent_->on_worker_exit(worker, status);
      launcher_.log_death(worker, status);  // behind the last words that were reported
    }
    tick();
  }
  void await_end(Duration grace, std::function<void()> then) {
    const bool late = clock_.steady() - ending_since_ >= grace;
    for (const auto& worker : launcher_.running()) late ? launcher_.kill(worker) : launcher_.terminate(worker);
    if (launcher_.running().empty()) return then();
    loop_.call_after(kEndPoll, [this, grace, then = std::move(then)] { await_end(grace, then); });
  }

  const base::FileDescriptor lock_;
  transport::EventLoop& loop_;
  base::Logger log_;
  base::SystemClock clock_;
  ProcessLauncher launcher_;
  FileLibraryCache libraries_;
  ProcMachineGauge gauge_;
  ReadRouter router_;
  std::unique_ptr<reads::ReadServer> reads_;  // behind the router, which its threads use
  std::unique_ptr<transport::ZmqControlClient> client_;
  std::unique_ptr<Agent> agent_;
  base::SteadyTime ending_since_{};
  transport::EventLoop::TimerId timer_ = 0;
};

AgentUnit::AgentUnit(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
AgentUnit::~AgentUnit() = default;

Result<std::unique_ptr<AgentUnit>> AgentUnit::create(const AgentProcessOptions& options, transport::EventLoop& loop,
                                                     base::Logger log) {
  std::error_code error;
  std::filesystem::create_directories(options.data, error);
  if (error) return Error{"data folder " + options.data + " cannot be made: " + error.message()};
  auto lock = lock_folder(options.data);
  if (!lock) return lock.error();
  auto parts = std::make_unique<Parts>(options, loop, std::move(log), std::move(*lock));
  if (auto serves = parts->serve_reads(options); !serves) return serves.error();
  if (auto connected = parts->connect(options); !connected) return connected.error();
  return std::unique_ptr<AgentUnit>(new AgentUnit(std::move(parts)));
}

void AgentUnit::end_workers(Duration grace, std::function<void()> then) { parts_->end_workers(grace, std::move(then)); }

int run_agent(const AgentProcessOptions& options, const std::string& log_level) {
  const int signals = base::open_ending_signals();
  const auto log = base::Logger::to_stderr(base::log_level(log_level)).with("agent", options.name);
  const base::SystemClock clock;
  transport::EventLoop loop(clock);
  auto unit = AgentUnit::create(options, loop, log);
  if (!unit) {
    std::fprintf(stderr, "freshet agent: %s\n", unit.error().message.c_str());
    return 1;
  }
  log.info("started with ", options.slots, " slots, job manager ", options.manager);
  bool ending = false;
  loop.add_fd(signals, [&] {
    if (base::read_signal(signals) == 0) return;
    if (std::exchange(ending, true)) return loop.stop();
    log.info("ending, and its workers");
    (*unit)->end_workers(kGrace, [&] { loop.stop(); });
  });
  loop.run();
  loop.remove_fd(signals);
  unit->reset();
  ::close(signals);
  return 0;
}

}  // namespace freshet::agent

#include "runtime/job_manager/manager_process.h"

#include <freshet/job.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "runtime/base/process.h"
#include "runtime/base/signals.h"
#include "runtime/checkpoint/file_storage.h"
#include "runtime/job_manager/checkpoint_folder.h"
#include "runtime/job_manager/checkpoint_verifier.h"
#include "runtime/job_manager/http_server.h"
#include "runtime/job_manager/job_manager.h"
#include "runtime/job_manager/rest_api.h"
#include "runtime/state/rocksdb_journal.h"
#include "runtime/transport/zmq_control_server.h"

namespace freshet::manager {

namespace {

namespace fs = std::filesystem;

constexpr auto kMostWait = std::chrono::milliseconds(200);

/// The logs of all agents whose folders stand side by side: which these are is looked up at each request.
class SiblingLogSource final : public LogSource {
 public:
  explicit SiblingLogSource(std::string parent) : parent_(std::move(parent)) {}
  LogPage read(const LogQuery& query) override {
    std::vector<std::string> folders;
    std::error_code error;
    for (fs::directory_iterator entry(parent_, error), end; !error && entry != end; entry.increment(error)) {
      if (fs::is_directory(entry->path() / "jobs")) folders.push_back(entry->path().string());
    }
    return FileLogSource(folders).read(query);
  }

 private:
  const std::string parent_;
};

}  // namespace

class ManagerUnit::Parts {
 public:
  /// `checkpoints`: folder of the checkpoint storage, which is this job manager's.
  Parts(const ManagerProcessOptions& options, std::string checkpoints, transport::EventLoop& loop, base::Logger log)
      : options_(options),
        loop_(loop),
        log_(std::move(log)),
        libraries_(options.data + "/libraries"),
        checkpoint_folder_(std::move(checkpoints)),
        checkpoints_(checkpoint_folder_),
        logs_(options.agents_data) {}
  ~Parts() {
    if (http_) http_->stop();
    loop_.cancel(timer_);
  }

  Status start() {
    auto journal = state::RocksDbJournal::open(options_.data + "/journal");
    if (!journal) return journal.error();
    journal_ = std::move(*journal);
    const auto port = options_.control_port == 0 ? std::string("*") : std::to_string(options_.control_port);
    auto server = transport::ZmqControlServer::create(
        loop_, {.bind = "tcp://" + options_.bind + ":" + port},
        [this](const std::string& peer, wire::ControlMessage message) {
          manager_->on_message(peer, message);
          tick();
        },
        log_);
    if (!server) return server.error();
    server_ = std::move(*server);
    control_address = server_->endpoint().substr(std::string("tcp://").size());
    http_ = std::make_unique<HttpServer>(
        HttpOptions{.host = options_.bind, .port = options_.port},
        [this](const RestRequest& request) {
          RestResponse response = RestApi(*manager_, logs_, verifier_).handle(request);
          tick();
          return response;
        },
        [this](std::function<void()> work) { loop_.post(std::move(work)); });
    if (auto started = http_->start(); !started) return started.error();
    address = options_.bind + ":" + std::to_string(http_->port());
    manager_ = std::make_unique<JobManager>(manager_options(), clock_, *server_, *journal_, libraries_, checkpoints_);
    if (auto recovered = manager_->recover(); !recovered) return recovered.error();
    tick();
    return {};
  }

  std::string address;
  std::string control_address;

 private:
  ManagerOptions manager_options() const {
    ManagerOptions options;
    options.address = address;
    options.version = FRESHET_VERSION;
    options.abi = FRESHET_ABI_TAG;
    options.data = options_.data;
    options.checkpoints = checkpoint_folder_;
    options.pid = static_cast<std::uint64_t>(base::own_pid());
    return options;
  }
  void tick() {
    loop_.cancel(timer_);
    timer_ = loop_.call_at(std::min(manager_->on_tick(), clock_.steady() + kMostWait), [this] { tick(); });
  }

  const ManagerProcessOptions options_;
  transport::EventLoop& loop_;
  base::Logger log_;
  base::SystemClock clock_;
  FileLibraryStore libraries_;
  const std::string checkpoint_folder_;
  checkpoint::FileCheckpointStorage checkpoints_;
  CheckpointVerifier verifier_{checkpoints_};
  SiblingLogSource logs_;
  std::unique_ptr<state::RocksDbJournal> journal_;
  std::unique_ptr<transport::ZmqControlServer> server_;
  std::unique_ptr<JobManager> manager_;
  std::unique_ptr<HttpServer> http_;
  transport::EventLoop::TimerId timer_ = 0;
};

ManagerUnit::ManagerUnit(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ManagerUnit::~ManagerUnit() = default;
const std::string& ManagerUnit::address() const { return parts_->address; }
const std::string& ManagerUnit::control_address() const { return parts_->control_address; }

Result<std::unique_ptr<ManagerUnit>> ManagerUnit::create(const ManagerProcessOptions& options,
                                                         transport::EventLoop& loop, base::Logger log) {
  std::error_code error;
  fs::create_directories(options.data, error);
  if (error) return Error{"data folder " + options.data + " cannot be made: " + error.message()};
  const std::string new_id = std::to_string(base::SystemClock().wall_us()) + "-" + std::to_string(base::own_pid());
  const auto checkpoints = claim_checkpoint_folder(options.data, options.checkpoints, new_id);
  if (!checkpoints) return checkpoints.error();
  auto parts = std::make_unique<Parts>(options, *checkpoints, loop, std::move(log));
  if (auto started = parts->start(); !started) return started.error();
  return std::unique_ptr<ManagerUnit>(new ManagerUnit(std::move(parts)));
}

int run_job_manager(const ManagerProcessOptions& options, const std::string& log_level) {
  const int signals = base::open_ending_signals();
  const auto log = base::Logger::to_stderr(base::log_level(log_level));
  const base::SystemClock clock;
  transport::EventLoop loop(clock);
  auto unit = ManagerUnit::create(options, loop, log);
  if (!unit) {
    std::fprintf(stderr, "freshet job-manager: %s\n", unit.error().message.c_str());
    return 1;
  }
  log.info("job manager, REST on ", (*unit)->address(), ", control on ", (*unit)->control_address());
  loop.add_fd(signals, [&] {
    if (base::read_signal(signals) != 0) loop.stop();
  });
  loop.run();
  loop.remove_fd(signals);
  log.info("ended");
  unit->reset();
  ::close(signals);
  return 0;
}

}  // namespace freshet::manager

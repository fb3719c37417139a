#include "runtime/worker/worker_process.h"

#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "dag/validator.h"
#include "runtime/base/background_thread.h"
#include "runtime/base/log.h"
#include "runtime/base/process.h"
#include "runtime/base/signals.h"
#include "runtime/checkpoint/file_storage.h"
#include "runtime/checkpoint/storage_owner.h"
#include "runtime/state/rocksdb_spill.h"
#include "runtime/transport/event_loop.h"
#include "runtime/transport/zmq_control_client.h"
#include "runtime/transport/zmq_data_transport.h"
#include "runtime/worker/crash_report.h"
#include "runtime/worker/job_library.h"
#include "runtime/worker/progress_file.h"
#include "runtime/worker/read_service.h"
#include "runtime/worker/task_threads.h"
#include "runtime/worker/worker.h"

namespace freshet::worker {

namespace {

/// Large blocks go back to the system when they are free. By itself glibc keeps ever larger ones, up to 64 MiB each
/// thread, which would come on top of what state may have. Where state has no limit, speed is worth more.
void give_memory_back() {
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

/// Wires a worker to its sockets, its clock and its library, and runs it on an event loop.
class WorkerProcess {
 public:
  WorkerProcess(const WorkerProcessOptions& options, JobLibrary library,
                std::unique_ptr<transport::ZmqDataTransport> data, ProgressFile progress, base::Logger log)
      : options_(options),
        library_(std::move(library)),
        data_(std::move(data)),
        progress_(std::move(progress)),
        log_(std::move(log)),
        loop_(clock_) {}

  Status connect() {
    auto client = transport::ZmqControlClient::create(
        loop_, {.endpoint = "tcp://" + options_.manager},
        {.deliver = [this](wire::ControlMessage message) { worker_->on_message(message); },
         .on_connected = [this] { on_connected(); },
         .on_disconnected =
             [this] { orphan_timer_ = loop_.call_after(options_.orphan_after, [this] { orphaned(); }); }},
        log_);
    if (!client) return client.error();
    client_ = std::move(*client);
    orphan_timer_ = loop_.call_after(options_.orphan_after, [this] { orphaned(); });
    return {};
  }

  /// Answers what worker::Worker::end_problem() says.
  std::string run(int signals) {
    WorkerSetup setup;
    setup.key = options_.key;
    setup.pid = static_cast<std::uint64_t>(base::own_pid());
    setup.clock = &clock_;
    setup.manager = client_.get();
    setup.transport = data_.get();
    setup.log = log_;
    setup.enter_directory = [](const std::string& directory) -> Status {
      if (::chdir(directory.c_str()) == 0) return {};
      return Error{"the submitter's directory " + directory + " cannot be entered: " + std::strerror(errno)};
    };
    setup.build = [this](const std::string& job, std::map<std::string, std::string> parameters) {
      const auto found = library_.find(job);
      return found ? build_job(**found, std::move(parameters)) : Result<std::unique_ptr<Job>>(found.error());
    };
    setup.make_executor = [this](std::uint32_t threads, std::function<bool(const TaskId&)> own_thread) {
      return std::make_unique<TaskThreads>(threads, std::move(own_thread), clock_);
    };
    setup.post = [this](std::function<void()> work) { loop_.post(std::move(work)); };
    setup.in_background = [this](std::function<void()> work) { background_->post(std::move(work)); };
    setup.open_storage = [](const std::string& folder) -> Result<std::shared_ptr<checkpoint::CheckpointStorage>> {
      if (const auto usable = checkpoint::check_folder(folder); !usable) return usable.error();
      return std::shared_ptr<checkpoint::CheckpointStorage>(
          std::make_shared<checkpoint::FileCheckpointStorage>(folder));
    };
    setup.open_spill = [this](std::uint32_t task, std::uint64_t state_bytes) {
      if (!spill_) {
        give_memory_back();
        spill_.emplace(options_.data + "/state", state::RocksDbSpill::Options::beside(state_bytes));
      }
      return spill_->open_task(task);
    };
    setup.show_progress = [this](const WorkerProgress& progress) { progress_.show(progress); };
    setup.memory = [] { return base::resident_bytes(base::own_pid()).value_or(0); };
    reads_ = std::make_unique<ReadService>(
        ReadService::Options{
            .job_name = options_.job_name, .host = options_.read_bind, .reads_per_second = options_.reads_per_second},
        clock_);
    setup.state_server = reads_.get();
    worker_ = std::make_unique<Worker>(std::move(setup));
    loop_.add_fd(signals, [this, signals] {
      ended_by_ = base::read_signal(signals);
      worker_->stop("it was told to end by a signal");
      loop_.stop();
    });
    next_tick_ = clock_.steady();
    loop_.set_tick([this] { return worker_->is_over() ? base::SteadyTime() : next_tick_; },
                   [this] {
                     next_tick_ = std::min(worker_->on_tick(), clock_.steady() + kMostWait);
                     if (worker_->is_over()) loop_.stop();
                   });
    loop_.run();
    loop_.remove_fd(signals);
    reads_.reset();  // its threads look at the worker's tasks
    background_.reset();
    log_.info("ended");
    return worker_->end_problem();
  }

  /// The signal that made it end; 0: none.
  int ended_by() const { return ended_by_; }

 private:
  static constexpr auto kMostWait = std::chrono::milliseconds(50);

  void on_connected() {
    loop_.cancel(orphan_timer_);
    worker_->on_connected();
  }
  void orphaned() {
    log_.error("the job manager at ", options_.manager, " has been away for too long");
    worker_->stop("no job manager");
    loop_.stop();
  }

  const WorkerProcessOptions options_;
  JobLibrary library_;
  base::SystemClock clock_;
  std::unique_ptr<transport::ZmqDataTransport> data_;
  ProgressFile progress_;
  base::Logger log_;
  transport::EventLoop loop_;
  std::unique_ptr<base::BackgroundThread> background_ = std::make_unique<base::BackgroundThread>("snapshots");
  std::optional<state::RocksDbSpill> spill_;
  std::unique_ptr<Worker> worker_;  // before the client: its callbacks use it, and it may send until it is destroyed
  std::unique_ptr<ReadService> reads_;
  std::unique_ptr<transport::ZmqControlClient> client_;
  transport::EventLoop::TimerId orphan_timer_ = 0;
  base::SteadyTime next_tick_{};
  int ended_by_ = 0;
};

int refuse(const std::string& why) {
  std::fprintf(stderr, "freshet worker: %s\n", why.c_str());
  return 1;
}

}  // namespace

int run_worker(const WorkerProcessOptions& options) {
  const int signals = base::open_ending_signals();
  auto log = base::Logger::to_file({.path = options.data + "/worker.log"}, base::log_level(options.log_level));
  if (!log) return refuse(log.error().message);
  log->info(to_string(options.key), " starts, pid ", base::own_pid(), ", library ", options.library);
  if (!options.crash_file.empty()) install_crash_report(options.crash_file);
  Problem unusable;
  auto library = JobLibrary::load(options.library, unusable);
  if (!library) return log->error(dag::to_text(unusable)), refuse(dag::to_text(unusable));
  auto data = transport::ZmqDataTransport::create({.bind = options.bind});
  if (!data) return log->error(data.error().message), refuse(data.error().message);
  auto progress = ProgressFile::create(options.data + "/progress");
  if (!progress) return log->error(progress.error().message), refuse(progress.error().message);
  int ended_by = 0;
  std::string problem;
  {
    WorkerProcess process(options, std::move(*library), std::move(*data), std::move(*progress), *log);
    if (const auto connected = process.connect(); !connected)
      return log->error(connected.error().message), refuse(connected.error().message);
    problem = process.run(signals);
    ended_by = process.ended_by();
  }
  ::close(signals);
  // Its agent tells the job manager how it ended: of a signal, and not as it was ordered to.
  if (ended_by != 0) base::die_of(ended_by);
  const int code = problem.empty() ? 0 : refuse(problem);
  // An agent that has taken it over is not its parent, and hears no exit code.
  std::ofstream(options.data + "/exit_code") << code << '\n';
  return code;
}

}  // namespace freshet::worker

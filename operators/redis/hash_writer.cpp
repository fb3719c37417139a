#include <freshet/redis_sink.h>

#include "operators/redis/command.h"
#include "operators/redis/pipeline.h"
#include "operators/redis/script.h"

namespace freshet::redis {

class HashWriter::Impl {
 public:
  explicit Impl(Server server) : prefix_(server.prefix), pipeline_(std::move(server), kHashScript) {}

  void open(const SinkContext& context) {
    sink_ = context.operator_id;
    run_ = context.run;
    must(pipeline_.open());
  }
  void begin(std::string_view key, Version version) {
    key_.assign(prefix_).append(key);
    version_ = version;
    set_.clear();
    removed_.clear();
    texts_ = fields_removed_ = 0;
  }
  void set(std::string_view field, std::string_view text) {
    append_argument(set_, field);
    append_argument(set_, text);
    texts_ += 2;
  }
  void remove(std::string_view field) {
    append_argument(removed_, field);
    ++fields_removed_;
  }
  void end() {
    check_size("key", key_.size(), kMaxKeyBytes);
    check_size("record", set_.size() + removed_.size(), kMaxRecordBytes);
    constexpr std::size_t kOthers = 9;  // EVALSHA, script, number of keys, key, and the first five of ARGV
    command_.clear();
    append_length(command_, '*', kOthers + texts_ + fields_removed_);
    append_argument(command_, "EVALSHA");
    append_argument(command_, pipeline_.script_name());
    append_argument(command_, "1");
    append_argument(command_, key_);
    const std::size_t key_end = command_.size() - 2;
    append_argument(command_, run_);
    append_number(version_.attempt);
    append_number(version_.epoch);
    append_number(++puts_);
    append_number(texts_);
    command_ += set_;
    command_ += removed_;
    pipeline_.append(command_, std::string_view(command_).substr(key_end - key_.size(), key_.size()));
  }
  void send() { must(pipeline_.send()); }
  void flush() { must(pipeline_.flush()); }
  void close() { pipeline_.close(); }

 private:
  void append_number(std::uint64_t number) {
    digits_.clear();
    freshet::detail::append_number(digits_, number);
    append_argument(command_, digits_);
  }
  static void check_size(const char* what, std::size_t bytes, std::size_t most) {
    if (bytes > most)
      throw RejectRecord(std::string(what) + " of " + std::to_string(bytes) + " bytes, and Redis is given at most " +
                             std::to_string(most),
                         std::string("too large for redis: ") + what);
  }
  void must(const Status& status) const {
    if (!status) throw std::runtime_error("sink " + sink_ + ": " + status.error().message);
  }

  const std::string prefix_;
  Pipeline pipeline_;
  std::string sink_;
  std::string run_;
  std::uint64_t puts_ = 0;  // of this attempt: tells an old connection's put from a newer one
  // The put at hand.
  std::string key_;
  Version version_;
  std::string set_, removed_;
  std::size_t texts_ = 0, fields_removed_ = 0;
  std::string command_, digits_;
};

HashWriter::HashWriter(Server server) : impl_(std::make_unique<Impl>(std::move(server))) {}
HashWriter::~HashWriter() = default;
void HashWriter::open(const SinkContext& context) { impl_->open(context); }
void HashWriter::begin(std::string_view key, Version version) { impl_->begin(key, version); }
void HashWriter::set(std::string_view field, std::string_view text) { impl_->set(field, text); }
void HashWriter::remove(std::string_view field) { impl_->remove(field); }
void HashWriter::end() { impl_->end(); }
void HashWriter::send() { impl_->send(); }
void HashWriter::flush() { impl_->flush(); }
void HashWriter::close() { impl_->close(); }

}  // namespace freshet::redis

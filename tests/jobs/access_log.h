#pragma once

#include <freshet/operator.h>
#include <zlib.h>

#include <ctime>

namespace freshet::testing {

/// A line of a web server's access log in the combined format.
struct Hit {
  std::string host{};
  std::string path{};
  Time time{};
  std::string status{};
  FRESHET_RECORD(host, path, time, status)
};

/// Reads one access log, gzip or not, in the order of its lines; lines that are cut off are malformed.
class AccessLog final : public Source<Hit> {
 public:
  explicit AccessLog(const std::string& file) : file_(file) {}
  std::vector<Split> discover() override { return {{.partition = file_}}; }
  Progress read(Split& split, Out<Hit>& out) override {
    if (lines_.empty()) load();
    while (split.position < lines_.size() && !out.full()) {
      const std::string& line = lines_[split.position++];
      out.emit(hit_of(line));
    }
    return split.position == lines_.size() ? Progress::done : Progress::progress;
  }

 private:
  static Hit hit_of(const std::string& line) {
    const auto bracket = line.find(" - - ["), quote = line.find("] \"");
    std::tm when{};
    if (line.empty() || line.back() != '"' || bracket == std::string::npos || quote == std::string::npos ||
        strptime(line.c_str() + bracket + 6, "%d/%b/%Y:%H:%M:%S +0000", &when) == nullptr)
      throw RejectRecord("not a line of an access log", "malformed");
    const auto path = line.find(' ', quote + 3) + 1, status = line.find("\" ", quote + 3) + 2;
    return {line.substr(0, bracket), line.substr(path, line.find(' ', path) - path),
            Time(std::chrono::seconds(timegm(&when))), line.substr(status, line.find(' ', status) - status)};
  }
  void load() {
    const gzFile file = gzopen(file_.c_str(), "rb");
    if (file == nullptr) throw SourceFailed("cannot read " + file_);
    std::string line;
    for (int c = gzgetc(file); c != -1; c = gzgetc(file)) {
      if (c != '\n') {
        line += static_cast<char>(c);
        continue;
      }
      lines_.push_back(std::exchange(line, {}));
    }
    if (!line.empty()) lines_.push_back(line);
    gzclose(file);
  }

  const std::string file_;
  std::vector<std::string> lines_;
};

}  // namespace freshet::testing

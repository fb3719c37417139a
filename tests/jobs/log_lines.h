#pragma once

#include <zlib.h>

#include <cstdint>
#include <ctime>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace freshet::testing {

/// The lines of a file, gzip or not.
inline std::vector<std::string> lines_of(const std::string& path) {
  const gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) throw std::runtime_error("cannot read " + path);
  std::string text;
  for (int c = gzgetc(file); c != -1; c = gzgetc(file)) text += static_cast<char>(c);
  gzclose(file);
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// A line of an access log, taken apart at its spaces as awk does: nothing here shares code with the engine.
struct PlainHit {
  std::string host{}, path{}, status{};
  std::int64_t time = 0;  // seconds
};

/// Of a log in the combined format whose requests have three words; lines that are cut off are left out.
inline std::vector<PlainHit> plain_hits_of(const std::string& path) {
  std::vector<PlainHit> hits;
  for (const auto& line : lines_of(path)) {
    if (line.empty() || line.back() != '"') continue;
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    std::tm when{};
    if (words.size() < 9 || strptime(words[3].c_str(), "[%d/%b/%Y:%H:%M:%S", &when) == nullptr || words[4] != "+0000]")
      throw std::runtime_error("not a line of the log as it was: " + line);
    hits.push_back({words[0], words[6], words[8], timegm(&when)});
  }
  return hits;
}

}  // namespace freshet::testing

#include <sstream>

#include <freshet/files.h>

using namespace freshet;

struct Word {
  std::string text{};
  std::uint64_t count = 1;
  FRESHET_RECORD(text, count)
};

FRESHET_JOB(word_count, "Counts the words of text files")
{
  const auto input = job.param("input", "README.md", "text files, globs allowed");
  const auto output = job.param("output", "out/words", "folder for the result");

  job.source("lines", files::lines(input))
      .flat_map("split",
                [](const Line& line, Out<Word>& out) {
                  std::istringstream words(line.text);
                  for (std::string word; words >> word;) out.emit({word});
                })
      .key_by(&Word::text)
      .sum("count", &Word::count)
      .emit(at_end())
      .sink("result", files::csv(output));
}

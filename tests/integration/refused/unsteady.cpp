// Another plan in each process: what a build function must not do, and what a worker must notice.
#include <unistd.h>

#include <freshet/files.h>
#include <freshet/freshet.h>

using namespace freshet;

FRESHET_JOB(unsteady, "Its graph depends on the process that builds it")
{
  job.source("lines", files::lines("nowhere.txt"))
      .filter("keep_" + std::to_string(::getpid()), [](const Line&) { return true; })
      .sink("result", files::csv("nowhere"));
}

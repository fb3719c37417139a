// Build functions that do not come to an end as they should.
#include <csignal>
#include <stdexcept>

#include <freshet/freshet.h>

using namespace freshet;

FRESHET_JOB(throws, "Its build function throws")
{
  static_cast<void>(job.param("depth", 3, "how deep"));
  throw std::invalid_argument("depth must be odd");
}

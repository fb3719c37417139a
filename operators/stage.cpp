#include <freshet/stage.h>

#include <cxxabi.h>

#include <cstdlib>
#include <typeinfo>

namespace freshet::detail {

FailedRecord describe_current_exception() {
  FailedRecord failed;
  try {
    throw;
  } catch (const RejectRecord& reject) {
    failed.reason = reject.reason;
    failed.message = reject.what();
    failed.record = reject.record;
  } catch (const std::exception& error) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> name(
        abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status), std::free);
    failed.reason = "exception " + std::string(name ? name.get() : typeid(error).name());
    failed.message = error.what();
  } catch (...) {
    failed.reason = "exception of unknown type";
    failed.message = "something that is not a std::exception was thrown";
  }
  return failed;
}

}  // namespace freshet::detail

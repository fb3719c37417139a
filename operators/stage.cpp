#include <freshet/stage.h>

#include <cxxabi.h>

#include <algorithm>
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
    failed.is_final = true;
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

namespace {

const CrashedRecord* crashed_at(const std::vector<CrashedRecord>& crashed, const SourcePosition& position) {
  const auto found = std::ranges::lower_bound(crashed, position, {}, &CrashedRecord::position);
  return found == crashed.end() || found->position != position ? nullptr : &*found;
}

}  // namespace

std::size_t find_crashed(const std::vector<CrashedRecord>& crashed, const BatchView& view, std::size_t from) {
  while (from < view.size && crashed_at(crashed, view.meta(from).position) == nullptr) ++from;
  return from;
}

FailedRecord describe_crashed(const std::vector<CrashedRecord>& crashed, const RecordMeta& meta) {
  const CrashedRecord& found = *crashed_at(crashed, meta.position);
  FailedRecord failed;
  failed.reason = found.reason;
  failed.message = "set aside after " + std::to_string(found.crashes) + (found.crashes == 1 ? " crash" : " crashes");
  failed.meta = meta;
  failed.attempts = found.crashes + 1;
  return failed;
}

}  // namespace freshet::detail

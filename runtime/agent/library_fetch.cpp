#include "runtime/agent/library_fetch.h"

namespace freshet::agent {

LibraryFetch::Step LibraryFetch::on_chunk(const wire::LibraryChunk& chunk, LibraryCache& cache, base::SteadyTime now) {
  const auto impossible = [&](std::string why) {
    problem_ = std::move(why);
    return Step::impossible;
  };
  if (chunk.total == 0) return impossible("the job manager does not have library sha256:" + chunk.sha256);
  if (chunk.total > kMaxLibraryBytes)
    return impossible("library sha256:" + chunk.sha256 + " has " + std::to_string(chunk.total) +
                      " bytes; at most 512 MiB are taken");
  if (chunk.offset != offset_) return Step::ignore;  // an answer to a request that was repeated
  if (chunk.bytes.empty() || chunk.bytes.size() > chunk.total - offset_)
    return impossible("library sha256:" + chunk.sha256 + " came in pieces that do not fit its length");
  const Status kept = cache.append(chunk.sha256, offset_, chunk.bytes);
  if (!kept) return impossible(kept.error().message);
  offset_ += chunk.bytes.size();
  asked_at_ = now;
  return offset_ == chunk.total ? Step::complete : Step::ask;
}

}  // namespace freshet::agent

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace freshet::manager {

class JobManager;

/// Text exposition format 0.0.4. One family after the other: family() once, then its samples.
class PrometheusText {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string>>;

  void family(std::string_view name, std::string_view type, std::string_view help);
  /// Of the family begun last; `suffix` is "_bucket", "_sum", "_count" or nothing.
  void sample(const Labels& labels, double value, std::string_view suffix = "");
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::string name_;
};

/// Everything the job manager knows in numbers, as `GET /metrics` answers it.
std::string metrics_text(const JobManager& manager);

}  // namespace freshet::manager

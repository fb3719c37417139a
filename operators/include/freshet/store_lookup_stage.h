#pragma once

#include <freshet/store.h>
#include <freshet/transforms.h>

/// The stage of a step that looks records up in a store.
namespace freshet::detail {

/// Asks for some records together, then calls `function(record, found)` for each, in their order.
template <class K, class In, class M, class R, class F>
class StoreLookupStage final : public UserCodeStage {
 public:
  /// Records that are asked for together: what the store takes to answer is waited for once, and not much is asked
  /// twice where an output is full.
  static constexpr std::size_t kAskedAtOnce = 256;

  StoreLookupStage(std::unique_ptr<StoreReader> reader, M In::*key, F function)
      : reader_(std::move(reader)), key_(key), function_(std::move(function)) {
    outputs_.emplace_back("out", std::make_unique<BatchOf<K, R>>());
    add_dead_letter_output();
  }
  std::size_t process(std::uint32_t, const BatchView& view, std::size_t from) override {
    const auto& in = static_cast<const BatchOf<K, In>&>(*view.batch);
    auto& out = static_cast<BatchOf<K, R>&>(outputs_[0].batch());
    BatchView asked = view;
    asked.size = static_cast<std::uint32_t>(std::min<std::size_t>(view.size, from + kAskedAtOnce));
    reader_->begin();
    for (std::size_t i = from; i < asked.size; ++i) {
      text_.clear();
      append_text(text_, in.records[view.index(i)].*key_);
      reader_->ask(text_);
    }
    reader_->fetch();
    return for_each_record<In, Emits::one_at_most>(
        asked, from,
        [&](std::size_t i) {
          out.records.add() = function_(in.records[view.index(i)], reader_->found(i - from));
          complete_outputs<K, In, R>(out, view, i);
        },
        [&] { out.records.truncate(out.metas.size()); });
  }

 private:
  const std::unique_ptr<StoreReader> reader_;
  M In::*key_;
  F function_;
  std::string text_;
};

}  // namespace freshet::detail

#pragma once

#include <array>
#include <memory>

#include <freshet/operator.h>
#include <freshet/result.h>
#include <freshet/text.h>

/// The path `shop:` as an input: endless, seeded traffic of a made-up shop, for demonstrations, tests and benchmarks.
/// The events depend on the options alone. A split is a stream of visitors of its own; its position counts events.
namespace freshet::files {

struct ShopInput {
  double rate = 10'000;       ///< events per second, all splits together; 0: as fast as they are taken
  std::uint64_t seconds = 0;  ///< ends after rate * seconds events
  std::uint64_t events = 0;   ///< ends after so many events; with neither, it never ends
  std::uint64_t users = 100'000;
  std::uint64_t items = 20'000;
  std::uint64_t seed = 1;
  std::uint32_t partitions = 1;  ///< splits; their events alternate in no defined order
  std::string values{};          ///< FIELD:FROM=TO, as for files; for the action

  static constexpr std::uint32_t kMaxPartitions = 1024;
};

/// What a visitor did, as the generator says it.
struct ShopRow {
  std::string_view id{};  ///< unique over all splits
  std::uint64_t user = 0, item = 0, category = 0;
  std::size_t action = 0;  ///< index into kShopActions
  std::int64_t time_ms = 0;
  double amount = 0;  ///< of an order, else 0
};
inline constexpr std::array<std::string_view, 5> kShopActions = {"view", "click", "favorite", "cart", "order"};

/// What is wrong with the options; empty when nothing is.
std::string check_shop(const ShopInput& options);
/// What the record calls each action, by `values`, or the name itself.
Result<std::array<std::string, kShopActions.size()>> shop_action_names(std::string_view values);

/// Makes the events of the splits when they are due. One thread. What was not read in time is not made up for: after a
/// restart the rate counts anew from there.
class ShopEvents {
 public:
  enum class Got : std::uint8_t { event, not_due, end };
  explicit ShopEvents(ShopInput options);
  ~ShopEvents();
  std::vector<Split> discover() const;
  /// The split's next event, if it is due at `now`; moves the split on to it.
  Got next(Split& split, Time now, ShopRow& row);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Fills records from shop events, by the names of the fields: id, user, item, category, action, time, amount. Fields
/// of other names keep their default.
template <Record T>
class ShopSource : public Source<T> {
 public:
  explicit ShopSource(ShopInput options) : options_(options), events_(std::move(options)) {}

  /// What keeps the record from being filled; empty when nothing does.
  static std::string check_record(const ShopInput& options) {
    std::string problem = check_shop(options);
    const auto names = shop_action_names(options.values);
    if (!names) return names.error().message;
    for_each_field<T>([&]<class F>(const F& field) {
      using M = typename F::member_type;
      if constexpr (NamedEnum<M>) {
        if (field.name != "action") return;
        for (const auto& name : *names) {
          if (M value{}; !parse_text(name, value))
            problem = "the record has no action '" + name + "'; map it to one it has";
        }
      }
    });
    return problem;
  }

  void open() override {
    if (auto problem = check_record(options_); !problem.empty()) throw SourceFailed(problem);
    action_names_ = *shop_action_names(options_.values);
  }
  std::vector<Split> discover() override { return events_.discover(); }
  Progress read(Split& split, Out<T>& out) override {
    ShopRow row;
    bool any = false;
    while (!out.full()) {
      const auto got = events_.next(split, this->now(), row);
      if (got == ShopEvents::Got::end) return Progress::done;
      if (got == ShopEvents::Got::not_due) return any ? Progress::progress : Progress::idle;
      fill(row, out.add());
      any = true;
    }
    return Progress::progress;
  }
  std::string describe(const std::string& partition, std::uint64_t position) const override {
    return partition + ", event " + std::to_string(position);
  }

 private:
  void fill(const ShopRow& row, T& record) const {
    for_each_field<T>([&](const auto& field) {
      auto& value = record.*(field.pointer);
      if (field.name == "id")
        set(value, row.id);
      else if (field.name == "user")
        set(value, row.user);
      else if (field.name == "item")
        set(value, row.item);
      else if (field.name == "category")
        set(value, row.category);
      else if (field.name == "action")
        set(value, std::string_view(action_names_[row.action]));
      else if (field.name == "time")
        set(value, Time(Duration(row.time_ms)));
      else if (field.name == "amount")
        set(value, row.amount);
      else
        value = defaults_.*(field.pointer);
    });
  }
  /// Numbers as numbers or text, texts as text or enumerators; a field of another type is left alone.
  template <class M, class V>
  static void set(M& field, const V& value) {
    if constexpr (std::same_as<M, std::string>) {
      field.clear();
      if constexpr (std::same_as<V, std::string_view>)
        field += value;
      else
        append_text(field, value);
    } else if constexpr (std::same_as<V, std::string_view>) {
      if constexpr (NamedEnum<M>) static_cast<void>(parse_text(value, field));
    } else if constexpr (std::same_as<M, V>) {
      field = value;
    } else if constexpr (freshet::detail::IsNumber<M> && freshet::detail::IsNumber<V>) {
      field = static_cast<M>(value);
    }
  }
  const T defaults_{};
  const ShopInput options_;
  ShopEvents events_;
  std::array<std::string, kShopActions.size()> action_names_{};
};

}  // namespace freshet::files

#include <freshet/narrow_edge.h>
#include <gmock/gmock.h>

/// Edges that carry some fields of each record, and the key beside them.
namespace freshet::test::narrow {
namespace {

using ::testing::Optional;

struct Order {
  std::string id{};
  std::string user{};
  std::int64_t pieces = 1;
  std::vector<std::string> notes{};
  double price = 0;
  bool operator==(const Order&) const = default;
  FRESHET_RECORD(id, user, pieces, notes, price)
};
using Key = std::tuple<std::string, std::int64_t>;
using Orders = detail::KeyedBatch<Key, Order>;

/// Two tasks, here or in another worker; each frame has room for three records or so.
class Channels final : public detail::ChannelPort {
 public:
  Channels(const detail::EdgeType& edge, bool local) : edge_(edge), local_(local) { frames.resize(2); }
  bool make_room(std::uint32_t to) override {
    auto& frame = frames[to];
    if (frame.limit != 0) return false;
    frame.limit = SIZE_MAX;
    if (local_) frame.batch = edge_.make_batch();
    return true;
  }
  const Orders& came_to(std::uint32_t to) {
    auto& frame = frames[to];
    if (!local_) {
      frame.batch = edge_.make_batch();
      ByteReader in(frame.bytes.view());
      detail::FrameDelta delta;
      EXPECT_TRUE(edge_.read_records(in, delta, *frame.batch, SIZE_MAX));
      EXPECT_EQ(in.remaining(), 0u);
    }
    return static_cast<const Orders&>(*frame.batch);
  }

 private:
  const detail::EdgeType& edge_;
  const bool local_;
};

std::shared_ptr<const detail::EdgeType> edge_for(std::uint64_t fields) {
  return detail::NarrowRecords<Key, Order>(fields).edge([](const Order& order, Key& key) {
    key = {order.user, order.pieces / 10};
  });
}

class NarrowEdge : public testing::TestWithParam<bool> {};

TEST_P(NarrowEdge, CarriesKeyTimePlaceAndTheFieldsAskedFor) {
  const auto edge = edge_for(*detail::bit_of(&Order::notes) | *detail::bit_of(&Order::pieces));
  Channels port(*edge, GetParam());
  detail::Batch<Order> batch;
  for (std::int64_t i = 0; i < 100; ++i) {
    batch.records.add() = {
        "id " + std::to_string(i), "user " + std::to_string(i % 7), i, {"note", std::string(40, 'n')}, 0.5};
    batch.metas.push_back({.event_time_ms = i, .position = {1, static_cast<std::uint64_t>(i)}});
  }
  EXPECT_EQ(edge->make_router()->route(batch, 0, port), 100u);
  std::size_t came = 0;
  for (std::uint32_t task = 0; task < 2; ++task) {
    const Orders& orders = port.came_to(task);
    came += orders.size();
    EXPECT_GT(orders.size(), 10u);
    for (std::size_t i = 0; i < orders.size(); ++i) {
      const auto& order = orders.records[i];
      EXPECT_EQ(order, (Order{"", "", order.pieces, {"note", std::string(40, 'n')}, 0}));
      EXPECT_EQ(orders.metas[i].event_time_ms, order.pieces);
      EXPECT_EQ(orders.metas[i].position, (SourcePosition{1, static_cast<std::uint64_t>(order.pieces)}));
      EXPECT_EQ(orders.keys[i], Key("user " + std::to_string(order.pieces % 7), order.pieces / 10));
      EXPECT_EQ(orders.metas[i].key_hash, key_hash(orders.keys[i]));
      EXPECT_EQ(task_of_key_group(key_group_of(orders.metas[i].key_hash, 128), 128, 2), task);
    }
  }
  EXPECT_EQ(came, 100u);
}

TEST_P(NarrowEdge, WithoutFieldsTheKeyIsAllThatTravels) {
  const auto edge = edge_for(0);
  Channels port(*edge, GetParam());
  detail::Batch<Order> batch;
  batch.records.add() = {"id", "user", 5, {"note"}, 2};
  batch.metas.push_back({.event_time_ms = 3});
  EXPECT_EQ(edge->make_router()->route(batch, 0, port), 1u);
  const Orders& orders = port.came_to(port.frames[0].elements == 1 ? 0 : 1);
  ASSERT_EQ(orders.size(), 1u);
  EXPECT_EQ(orders.records[0], Order{});
  EXPECT_EQ(orders.keys[0], Key("user", 0));
}

INSTANTIATE_TEST_SUITE_P(HereAndElsewhere, NarrowEdge, testing::Bool());

TEST(SomeFields, RefuseBytesOfOtherFields) {
  const detail::SomeFields two{*detail::bit_of(&Order::user) | *detail::bit_of(&Order::price)};
  ByteBuffer bytes;
  detail::Cursor cursor{bytes.room_for(100)};
  two.encode(cursor, Order{.user = "u", .price = 1.5});
  bytes.end_at(cursor.next);
  Order read;
  ByteReader good(bytes.view());
  EXPECT_TRUE(two.decode(good, read));
  EXPECT_EQ(read, (Order{.user = "u", .price = 1.5}));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    ByteReader cut(bytes.view().substr(0, length));
    EXPECT_FALSE(two.decode(cut, read)) << length;
  }
  for (const detail::SomeFields other : {detail::SomeFields{1}, detail::SomeFields{7}, detail::SomeFields{5}}) {
    ByteReader in(bytes.view());
    EXPECT_FALSE(other.decode(in, read)) << other.fields;
  }
}

TEST(SomeFields, AreThoseThatTheRecordLists) {
  EXPECT_THAT(detail::bit_of(&Order::id), Optional(1));
  EXPECT_THAT(detail::bit_of(&Order::price), Optional(16));
  const detail::NarrowRecords<Key, Order> narrow(9);
  EXPECT_EQ(narrow.fields(), (std::vector<std::string>{"id", "notes"}));
}

}  // namespace
}  // namespace freshet::test::narrow

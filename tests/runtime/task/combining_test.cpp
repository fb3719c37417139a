#include <gmock/gmock.h>

#include <map>
#include <random>

#include "runtime/task/output_edge.h"
#include "tests/runtime/task/support.h"

/// Records of one key that become one before they are sent: a visit's number is added up.
namespace freshet::task {

namespace {

using namespace testing_support;

struct ByUser {
  const std::uint64_t& operator()(const Visit& visit) const { return visit.user; }
  bool is_same(const Visit& a, const Visit& b) const { return a.user == b.user; }
  void copy(Visit& into, const Visit& from) const { into.user = from.user; }
};

std::shared_ptr<const detail::EdgeType> edge_by_user() {
  return detail::make_edge<std::uint64_t, Visit>(ByUser{}, detail::ByKey<ByUser>{{}});
}

void add_number(Visit& into, const Visit& next) {
  const auto before = into.number;
  into = next;
  into.number += before;
}

/// What has come of one user.
struct Came {
  std::uint64_t records = 0;
  std::uint64_t sum = 0;
  std::vector<std::uint64_t> offsets{};
  std::string last_page{};
};

class Combining : public testing::TestWithParam<bool> {  // whether the receiving tasks are in the same worker
 protected:
  static constexpr std::uint64_t kTasks = 3;

  explicit Combining(std::uint64_t window = 1u << 20, void (*combine)(Visit&, const Visit&) = add_number) {
    OutputEdgeSetup setup;
    setup.edge = 3;
    setup.to_tasks = kTasks;
    setup.is_local.assign(kTasks, GetParam());
    setup.window = window;
    setup.max_record_bytes = 2000;
    setup.combiner = std::make_shared<detail::CombinerOf<Visit>>(combine);
    edge = std::make_unique<OutputEdge>(setup, type, carrier, clock);
  }

  /// Sends visits; grants whatever is under way when there is no room.
  void send(const VisitBatch& batch) {
    for (std::size_t next = 0; (next = edge->route(view_of(batch), next)) < batch.size();) grant();
  }
  void send(std::uint64_t user, std::uint64_t number, const std::string& page = "") {
    VisitBatch batch;
    add(batch, user, number, page);
    send(batch);
  }
  void add(VisitBatch& batch, std::uint64_t user, std::uint64_t number, const std::string& page = "") {
    batch.records.add() = {user, number, page};
    batch.metas.push_back({.position = {1, ++offset}});
  }
  void grant() {
    receive();
    for (std::uint32_t to = 0; to < kTasks; ++to) edge->on_grant(to, received_cost[to]);
  }
  /// Takes what has been sent.
  void receive() {
    for (const auto& frame : carrier.take()) {
      received_cost[frame.header.channel.to] += frame.cost();
      if (frame.local) {
        if (frame.batch) note(*frame.batch);
        controls += frame.controls.size();
        continue;
      }
      ByteReader reader(frame.payload);
      detail::FrameDelta delta;
      while (reader.remaining() != 0) {
        const auto batch = type->make_batch();
        ASSERT_TRUE(type->read_records(reader, delta, *batch, 1'000'000));
        note(*batch);
        if (reader.remaining() == 0) break;
        ControlElement element;
        ASSERT_TRUE(read_control(reader, element));
        ++controls;
      }
    }
  }
  void note(const detail::BatchBase& batch) {
    const auto& visits = static_cast<const VisitBatch&>(batch);
    for (std::size_t i = 0; i < visits.size(); ++i) {
      auto& of = came[visits.records[i].user];
      ++of.records;
      of.sum += visits.records[i].number;
      of.offsets.push_back(visits.metas[i].position.offset);
      of.last_page = visits.records[i].page;
      ++records;
    }
  }
  void send_barrier() {
    while (!edge->send_control({.kind = ElementKind::barrier, .checkpoint = 1})) grant();
    receive();
  }

  const std::shared_ptr<const detail::EdgeType> type = edge_by_user();
  RecordingCarrier carrier;
  base::ManualClock clock;
  std::unique_ptr<OutputEdge> edge;
  std::map<std::uint64_t, Came> came;  // by user
  std::map<std::uint32_t, std::uint64_t> received_cost;
  std::uint64_t offset = 0;
  std::uint64_t records = 0;
  std::size_t controls = 0;
};
INSTANTIATE_TEST_SUITE_P(Channels, Combining, testing::Values(false, true),
                         [](const auto& of) { return of.param ? "Local" : "Remote"; });

TEST_P(Combining, RecordsOfOneKeyBecomeOne) {
  for (std::uint64_t number = 1; number <= 100; ++number) send(7, number, "page " + std::to_string(number));
  edge->flush();
  receive();
  EXPECT_EQ(came[7].records, 1u);
  EXPECT_EQ(came[7].sum, 5050u);
  EXPECT_EQ(came[7].last_page, "page 100") << "all but the sum is of the last";
  EXPECT_EQ(came[7].offsets, std::vector<std::uint64_t>{100});
}

TEST_P(Combining, WhatIsKeptBackGoesOutBeforeABarrier) {
  send(7, 1);
  receive();
  EXPECT_EQ(records, 0u);
  send_barrier();
  EXPECT_EQ(came[7].sum, 1u);
  EXPECT_EQ(controls, kTasks);
}

TEST_P(Combining, NothingIsKeptBackForLong) {
  send(7, 1);
  clock.advance(11ms);
  send(7, 2);
  edge->flush_older_than(clock.steady() - 1ms);
  edge->flush_older_than(clock.steady());  // the frame into which it went
  receive();
  EXPECT_EQ(came[7].sum, 3u);
}

class CombiningWithLittleCredit : public Combining {
 protected:
  CombiningWithLittleCredit() : Combining(8192) {}
};
INSTANTIATE_TEST_SUITE_P(Channels, CombiningWithLittleCredit, testing::Values(false, true),
                         [](const auto& of) { return of.param ? "Local" : "Remote"; });

/// Hot keys and cold ones, short records and long ones, barriers and waits: sums, and each key's order, are as sent.
TEST_P(CombiningWithLittleCredit, NothingIsLostDoubledOrOvertaken) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    std::map<std::uint64_t, Came> expected;
    came.clear();
    const std::uint64_t users = 1 + random() % 100'000;
    for (int batches = 0; batches < 40; ++batches) {
      VisitBatch batch;
      for (int i = 0; i < 500; ++i) {
        const std::uint64_t user = random() % 3 == 0 ? random() % 5 : random() % users;
        const std::string page(random() % 50 == 0 ? 300 : random() % 20, static_cast<char>('a' + random() % 26));
        add(batch, user, random() % 1000, page);
        auto& of = expected[user];
        of.sum += batch.records.back().number;
        of.last_page = page;
        of.offsets = {offset};
      }
      send(batch);
      clock.advance(Duration(random() % 8));
      if (random() % 4 == 0) edge->flush_older_than(clock.steady() - 1ms);
      if (random() % 8 == 0) send_barrier();
    }
    send_barrier();
    ASSERT_EQ(came.size(), expected.size());
    for (const auto& [user, of] : expected) {
      EXPECT_EQ(came[user].sum, of.sum);
      EXPECT_EQ(came[user].last_page, of.last_page);
      EXPECT_EQ(came[user].offsets.back(), of.offsets.back());
      EXPECT_TRUE(std::is_sorted(came[user].offsets.begin(), came[user].offsets.end()));
    }
  }
}

TEST_P(CombiningWithLittleCredit, WithoutRoomItTakesNothingMoreAndKeepsWhatItHas) {
  std::uint64_t sent = 0;
  for (bool has_room = true; has_room; sent += has_room ? 1 : 0) {
    VisitBatch batch;
    add(batch, sent, 1, std::string(200, 'p'));
    has_room = edge->route(view_of(batch), 0) == 1;
  }
  EXPECT_FALSE(edge->send_control({.kind = ElementKind::barrier, .checkpoint = 1}));
  edge->flush();
  send_barrier();
  EXPECT_EQ(records, sent);
}

TEST_P(Combining, WhereKeysDoNotMeetItStopsTryingForAWhile) {
  constexpr std::uint64_t kMany = 60'000;
  std::uint64_t user = 0;
  while (user < kMany) send(++user, 1);
  send(0, 1);
  send(0, 1);
  send_barrier();
  EXPECT_EQ(came[0].records, 2u) << "it rests";
  EXPECT_EQ(records, kMany + 2);
  while (user < 1'090'000) send(++user, 1);
  for (int i = 0; i < 100; ++i) send(user + 1, 1);
  send_barrier();
  EXPECT_LT(came[user + 1].records, 10u) << "it tries again";
}

TEST_P(Combining, ALongRecordGoesByItselfBehindWhatWasKept) {
  send(7, 1);
  send(7, 2, std::string(400, 'p'));
  send(7, 4);
  edge->flush();
  receive();
  EXPECT_EQ(came[7].records, 3u);
  EXPECT_EQ(came[7].sum, 7u);
  EXPECT_EQ(came[7].offsets, (std::vector<std::uint64_t>{1, 2, 3}));
}

/// A function that makes longer and longer records of them, and forgets whose they are.
void append_page(Visit& into, const Visit& next) {
  into.page += next.page;
  into.number += next.number;
  into.user = 0;
}
class CombiningIntoLongRecords : public Combining {
 protected:
  CombiningIntoLongRecords() : Combining(1u << 20, append_page) {}
};
INSTANTIATE_TEST_SUITE_P(Channels, CombiningIntoLongRecords, testing::Values(false, true),
                         [](const auto& of) { return of.param ? "Local" : "Remote"; });

TEST_P(CombiningIntoLongRecords, WhatHasBecomeLongGoesOutAndKeepsItsKey) {
  std::size_t bytes = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string page(static_cast<std::size_t>(i % 200), 'p');
    bytes += page.size();
    send(7, 1, page);
  }
  edge->flush();
  receive();
  ASSERT_EQ(came.size(), 1u);
  EXPECT_EQ(came[7].sum, 1000u);
  EXPECT_GT(came[7].records, bytes / 1000);
}

class CombiningBetweenWorkers : public Combining {};  // what is handed over within one has no length
INSTANTIATE_TEST_SUITE_P(Channels, CombiningBetweenWorkers, testing::Values(false));

TEST_P(CombiningBetweenWorkers, ARecordTooLargeIsBlamedItself) {
  VisitBatch batch;
  add(batch, 7, 1);
  add(batch, 7, 2, std::string(3000, 'p'));
  add(batch, 8, 4);
  EXPECT_THROW(edge->route(view_of(batch), 0), RejectRecord);
  EXPECT_EQ(edge->failed_at(), 1u);
  EXPECT_EQ(edge->route(view_of(batch), 2), 3u);
  send_barrier();
  EXPECT_EQ(came[7].sum, 1u);
  EXPECT_EQ(came[8].sum, 4u);
}

/// Who looks at the age of records is not to be told that they are younger than they are.
TEST_P(Combining, TheOriginIsThatOfTheOldestRecordKept) {
  edge->set_origin(111);
  send(7, 1);
  edge->set_origin(222);
  send(7, 2);
  edge->flush();
  ASSERT_EQ(carrier.sent.size(), 1u);
  EXPECT_EQ(carrier.sent[0].header.origin_us, 111);
}

}  // namespace

}  // namespace freshet::task

#include "runtime/transport/buffer_pool.h"

#include <gtest/gtest.h>

namespace freshet::transport {
namespace {

ByteBuffer filled(RecyclingBufferPool& pool, std::size_t size) {
  ByteBuffer buffer = pool.take();
  buffer.append(std::string(size, 'x'));
  return buffer;
}

TEST(RecyclingBufferPool, GivenBackComesAgainEmptyWithItsCapacity) {
  RecyclingBufferPool pool;
  pool.give_back(filled(pool, 1000));
  EXPECT_EQ(pool.kept(), 1u);
  const ByteBuffer again = pool.take();
  EXPECT_EQ(again.size(), 0u);
  EXPECT_GE(again.capacity(), 1000u);
  EXPECT_EQ(pool.outstanding(), 1);
}

TEST(RecyclingBufferPool, KeepsNoMoreBuffersThanItsLimit) {
  RecyclingBufferPool pool({.buffers = 2});
  ByteBuffer buffers[3] = {filled(pool, 10), filled(pool, 10), filled(pool, 10)};
  for (auto& buffer : buffers) pool.give_back(std::move(buffer));
  EXPECT_EQ(pool.kept(), 2u);
  EXPECT_EQ(pool.outstanding(), 0);
}

TEST(RecyclingBufferPool, KeepsNoMoreBytesThanItsLimit) {
  RecyclingBufferPool pool({.bytes = 250});
  ByteBuffer buffers[3] = {filled(pool, 100), filled(pool, 100), filled(pool, 100)};
  for (auto& buffer : buffers) pool.give_back(std::move(buffer));
  EXPECT_EQ(pool.kept(), 2u);
  ByteBuffer taken = pool.take();
  pool.give_back(std::move(taken));
  EXPECT_EQ(pool.kept(), 2u) << "taking makes room";
}

TEST(RecyclingBufferPool, OversizedBufferIsFreed) {
  RecyclingBufferPool pool({.buffer_bytes = 100});
  pool.give_back(filled(pool, 101));
  EXPECT_EQ(pool.kept(), 0u);
  pool.give_back(filled(pool, 100));
  EXPECT_EQ(pool.kept(), 1u);
}

}  // namespace
}  // namespace freshet::transport

#pragma once

#include <string>

namespace freshet::integration {

/// A file system of its own in memory, so small that it can be filled. This process and those that it starts see it,
/// nobody else does; it goes away with the object.
class SmallDisk {
 public:
  /// `folder` must exist. Throws std::runtime_error when this process may not mount anything.
  SmallDisk(std::string folder, std::size_t bytes);
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk();

  /// Not a byte is left.
  void fill() const;
  /// As before fill().
  void make_room() const;

 private:
  const std::string folder_;
};

}  // namespace freshet::integration

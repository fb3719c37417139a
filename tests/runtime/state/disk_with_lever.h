#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>

namespace freshet::state {

/// A disk with levers: while `fault` is set, nothing can be written; while `fails_to_sync`, it is not certain that what
/// was written is there. Reading goes on.
class DiskWithLever final : public rocksdb::FileSystemWrapper {
 public:
  enum class Fault { none, full, quota };

  DiskWithLever() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "DiskWithLever"; }
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    if (fault != Fault::none) return failure();
    std::unique_ptr<rocksdb::FSWritableFile> real;
    rocksdb::IOStatus made = FileSystemWrapper::NewWritableFile(path, options, &real, debug);
    if (made.ok()) *file = std::make_unique<File>(std::move(real), *this);
    return made;
  }
  rocksdb::IOStatus failure() const {
    return fault == Fault::full ? rocksdb::IOStatus::NoSpace("No space left on device")
                                : rocksdb::IOStatus::IOError("Disk quota exceeded");
  }

  std::atomic<Fault> fault{Fault::none};
  std::atomic<bool> fails_to_sync{false};

 private:
  class File final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile> real, const DiskWithLever& disk)
        : FSWritableFileOwnerWrapper(std::move(real)), disk_(disk) {}
    rocksdb::IOStatus Append(const rocksdb::Slice& bytes, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      if (disk_.fault != Fault::none) return disk_.failure();
      return FSWritableFileOwnerWrapper::Append(bytes, options, debug);
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& bytes, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&, rocksdb::IODebugContext* debug) override {
      return Append(bytes, options, debug);
    }

    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
      if (disk_.fails_to_sync) return rocksdb::IOStatus::IOError("Input/output error");
      return FSWritableFileOwnerWrapper::Sync(options, debug);
    }

   private:
    const DiskWithLever& disk_;
  };
};

}  // namespace freshet::state

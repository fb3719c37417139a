#pragma once

#include <string>

#include <freshet/result.h>

/// Whose a folder of checkpoint files is. Job ids are unique within one cluster only, so two clusters must never share
/// a folder; and a folder that is empty because a file system is not mounted must not be taken for one without
/// checkpoints. So the file `owner` in it holds the id of its cluster. All calls block; from any thread.
namespace freshet::checkpoint {

/// Name of that file in a storage.
inline constexpr const char* kOwnerName = "owner";

/// The id of the cluster that owns `folder`; empty: nobody, or there is no such folder. Error: it cannot be read.
Result<std::string> owner_of(const std::string& folder);

/// Makes the folder when it is missing, proves that it can be written, and makes it the cluster's with that id, when it
/// is not already. Error: it cannot be written, or is another's.
Status claim_folder(const std::string& folder, const std::string& cluster);

/// For who only uses the folder, on another machine perhaps: Error unless somebody owns it and it can be written.
Status check_folder(const std::string& folder);

}  // namespace freshet::checkpoint

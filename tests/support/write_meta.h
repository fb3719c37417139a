#pragma once

#include <freshet/element.h>

namespace freshet::test {

/// What stands before a record in a frame, appended to a buffer.
inline void write_meta(ByteBuffer& out, detail::FrameDelta& delta, const RecordMeta& meta, bool with_hash) {
  detail::Cursor cursor{out.room_for(detail::kMaxMetaSize + detail::kCursorSlack)};
  detail::write_meta(cursor, delta, meta, with_hash);
  out.end_at(cursor.next);
}

}  // namespace freshet::test

#include <freshet/element.h>

namespace freshet {

void write_control(ByteBuffer& out, const ControlElement& element) {
  const char tag = static_cast<char>(element.kind);
  out.write(&tag, 1);
  if (element.kind == ElementKind::watermark) encode(out, element.time_ms);
  if (element.kind == ElementKind::barrier) {
    encode(out, element.checkpoint);
    encode(out, element.barrier);
    encode(out, element.payload);
  }
}

bool read_control(ByteReader& in, ControlElement& element) {
  std::uint8_t tag = 0;
  if (!in.byte(tag) || detail::is_record(tag)) return false;
  element.kind = static_cast<ElementKind>(tag);
  if (enumerator_name(element.kind).empty()) return false;  // also a tag with flags
  if (element.kind == ElementKind::watermark) return decode(in, element.time_ms);
  if (element.kind == ElementKind::barrier)
    return decode(in, element.checkpoint) && decode(in, element.barrier) && decode(in, element.payload) &&
           element.payload.size() <= kMaxBarrierPayload;
  return true;
}

}  // namespace freshet

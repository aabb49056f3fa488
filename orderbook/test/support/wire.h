// Messages as bytes, written by hand: what the readers' tests read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace orderbook::test {

class Wire {
 public:
  Wire& be(std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out_ += static_cast<char>(value >> (8 * i) & 0xFF);
    return *this;
  }
  Wire& le(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i) & 0xFF);
    return *this;
  }
  Wire& text(std::string_view value, std::size_t width, char fill = ' ') {
    out_ += value;
    out_.append(width - value.size(), fill);
    return *this;
  }
  [[nodiscard]] const std::string& bytes() const { return out_; }

 private:
  std::string out_;
};

inline std::string itch_framed(const std::string& message) {
  return Wire().be(message.size(), 2).bytes() + message;
}
inline Wire itch_head(char type, unsigned locate, std::uint64_t time_ns) {
  return Wire().text({&type, 1}, 1).be(locate, 2).be(0, 2).be(time_ns, 6);
}

struct DbnRecord {
  char action = 'A';
  char side = 'B';
  std::uint64_t order_id = 1;
  std::int64_t price = 0;
  std::uint32_t size = 1;
  unsigned flags = 0x80;
  std::uint64_t ts_recv = 0;
  std::uint64_t ts_event = 0;
  std::uint32_t sequence = 0;
  std::uint32_t instrument = 7;
};

inline std::string dbn_record(const DbnRecord& r, unsigned rtype = 0xA0, unsigned extra = 0) {
  return Wire()
      .le(14 + extra / 4, 1)
      .le(rtype, 1)
      .le(1, 2)
      .le(r.instrument, 4)
      .le(r.ts_event, 8)
      .le(r.order_id, 8)
      .le(static_cast<std::uint64_t>(r.price), 8)
      .le(r.size, 4)
      .le(r.flags, 1)
      .le(0, 1)
      .text({&r.action, 1}, 1)
      .text({&r.side, 1}, 1)
      .le(r.ts_recv, 8)
      .le(0, 4)
      .le(r.sequence, 4)
      .text("", extra, '\0')
      .bytes();
}

// A header that maps ESH4 to instrument 7.
inline std::string dbn_header(unsigned version, unsigned schema = 0) {
  const std::size_t width = version == 1 ? 22 : 71;
  Wire body;
  body.text("GLBX.MDP3", 16, '\0').le(schema, 2).le(1, 8).le(2, 8).le(0, 8);
  if (version == 1) body.le(~std::uint64_t{0}, 8);
  body.le(0x000001, 3);
  if (version != 1) body.le(width, 2);
  body.text("", version == 1 ? 47 : 53, '\0').le(0, 4);
  body.le(1, 4).text("ESH4", width, '\0').le(0, 4).le(0, 4);
  body.le(1, 4).text("ESH4", width, '\0').le(1, 4).le(20231225, 4).le(20231226, 4).text("7", width, '\0');
  return Wire().text("DBN", 3).le(version, 1).le(body.bytes().size(), 4).bytes() + body.bytes();
}

}  // namespace orderbook::test

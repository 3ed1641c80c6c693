// Reads the checked-in messages with the bridge's header, and writes them again: the bytes must come out unchanged.
#include <fstream>
#include <iostream>
#include <iterator>

#include "wire.h"

namespace {

std::string again(const wire::Message& message) {
  wire::Reader reader(message.body);
  wire::Writer writer;
  switch (message.kind) {
    case wire::Kind::Hello:
    case wire::Kind::Welcome: writer.put(reader.take<wire::Greeting>()).text(reader.text()); break;
    case wire::Kind::Render:
    case wire::Kind::Neighbour:
    case wire::Kind::Analyse:
      writer.put(reader.take<wire::Picture>());
      writer.spaces(reader.spaces());
      writer.values(reader.values()).text(reader.text());
      break;
    case wire::Kind::Rendered: {
      const auto changed = reader.take<wire::Changed>();
      writer.put(changed);
      uint32_t lines = 0;
      for (uint32_t face = 0; face < changed.faces; ++face) {
        const auto found = reader.take<wire::Face>();
        lines += found.lines;
        writer.put(found);
      }
      for (uint32_t line = 0; line < lines; ++line) writer.put(reader.take<wire::Line>());
      writer.text(reader.text());
      break;
    }
    case wire::Kind::SaveTrack: writer.put(reader.take<wire::Range>()); break;
    case wire::Kind::Prepare:
    case wire::Kind::LoadLook:
    case wire::Kind::Look:
    case wire::Kind::SaveLook:
    case wire::Kind::Describe:
    case wire::Kind::ExportTrack: writer.values(reader.values()); break;
    case wire::Kind::Choose: writer.values(reader.values()).text(reader.text()); break;
    default: writer.text(reader.text());
  }
  return wire::packed({message.kind, std::move(writer).body()});
}

}  // namespace

int main(int, char** arguments) {
  std::ifstream file(arguments[1], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  try {
    for (size_t place = 0; place < bytes.size();) {
      if (bytes.size() - place < sizeof(wire::Header)) throw wire::Malformed("a header that is cut off");
      const wire::Header header = wire::checkedHeader(bytes.data() + place);
      if (bytes.size() - place < sizeof header + header.size) throw wire::Malformed("a body that is cut off");
      std::cout << again({header.kind, bytes.substr(place + sizeof header, header.size)});
      place += sizeof header + header.size;
    }
  } catch (const wire::Malformed& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}

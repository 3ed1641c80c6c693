#include "pixels.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace mfs {
namespace {

constexpr int kStripe = 24;

float fromHalf(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu, mantissa = half & 0x3ffu;
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign ? -magnitude : magnitude;
  }
  const uint32_t widened = exponent == 31 ? 255 : exponent + 112;
  const uint32_t bits = sign | widened << 23 | mantissa << 13;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Rounds to the nearest half, ties to even; overflows to infinity.
uint16_t toHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {
    const float scaled = std::ldexp(std::fabs(value), 24);
    return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(scaled)));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u) - (112u << 23);
  return static_cast<uint16_t>(sign | static_cast<uint16_t>(rounded >> 13));
}

template <class T, int largest>
struct Integer {
  using Stored = T;
  static constexpr T kOne = static_cast<T>(largest);
  static float decode(T value) { return static_cast<float>(value) / static_cast<float>(largest); }
  static T encode(float value) {
    // Not a number becomes 0: the comparison is false.
    const float bounded = value > 0 ? std::min(value, 1.0f) : 0.0f;
    return static_cast<T>(std::nearbyint(bounded * static_cast<float>(largest)));
  }
};
using ByteCode = Integer<uint8_t, 255>;
using ShortCode = Integer<uint16_t, 65535>;

struct HalfCode {
  using Stored = uint16_t;
  static float decode(uint16_t value) { return fromHalf(value); }
  static uint16_t encode(float value) { return toHalf(value); }
};

struct FloatCode {
  using Stored = float;
  static float decode(float value) { return value; }
  static float encode(float value) { return value; }
};

template <class Code>
void decodeRow(const Image& image, int y, int x1, int x2, int channels, float* out) {
  const auto* in = reinterpret_cast<const typename Code::Stored*>(image.at(x1, y));
  for (int x = x1; x < x2; ++x, in += image.components, out += channels) {
    for (int c = 0; c < 3; ++c) out[c] = image.components == 1 ? 0.0f : Code::decode(in[c]);
    if (channels == 4) out[3] = image.components == 3 ? 1.0f : Code::decode(in[image.components - 1]);
  }
}

template <class Code>
void decodeMatteRow(const Image& image, int y, int x1, int x2, float* out) {
  const auto* in = reinterpret_cast<const typename Code::Stored*>(image.at(x1, y));
  const int channel = image.components == 4 ? 3 : 0;
  for (int x = x1; x < x2; ++x, in += image.components) *out++ = Code::decode(in[channel]);
}

template <class Code>
void encodeRow(const Image& image, int y, int x1, int x2, int channels, const float* in) {
  auto* out = reinterpret_cast<typename Code::Stored*>(image.at(x1, y));
  for (int x = x1; x < x2; ++x, in += channels, out += image.components) {
    const float alpha = channels == 1 ? in[0] : channels == 4 ? in[3] : 1.0f;
    if (image.components == 1) {
      out[0] = Code::encode(alpha);
      continue;
    }
    for (int c = 0; c < 3; ++c) out[c] = Code::encode(channels == 1 ? in[0] : in[c]);
    if (image.components == 4) out[3] = Code::encode(alpha);
  }
}

template <class Row>
void forDepth(Depth depth, const Row& row) {
  switch (depth) {
    case Depth::Byte: return row(ByteCode{});
    case Depth::Short: return row(ShortCode{});
    case Depth::Half: return row(HalfCode{});
    case Depth::Float: return row(FloatCode{});
  }
}

void copyRow(const Image& output, const Image& source, int y, int x1, int x2, std::vector<float>& row) {
  const auto count = static_cast<size_t>(x2 - x1);
  if (output.sameLayout(source)) {
    std::memcpy(output.at(x1, y), source.at(x1, y), count * output.pixelBytes());
    return;
  }
  row.resize(4 * count);
  readRow(source, y, x1, x2, 4, row.data());
  writeRow(output, y, x1, x2, 4, row.data());
}

}  // namespace

size_t Image::pixelBytes() const {
  const size_t component = depth == Depth::Byte ? 1 : depth == Depth::Float ? 4 : 2;
  return component * static_cast<size_t>(components);
}

std::byte* Image::at(int x, int y) const {
  return data + static_cast<ptrdiff_t>(y - bounds.y1) * rowBytes +
         static_cast<ptrdiff_t>(x - bounds.x1) * static_cast<ptrdiff_t>(pixelBytes());
}

OfxRectI intersection(const OfxRectI& a, const OfxRectI& b) {
  return {std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2)};
}

bool isEmpty(const OfxRectI& rectangle) { return rectangle.x1 >= rectangle.x2 || rectangle.y1 >= rectangle.y2; }

void readRow(const Image& image, int y, int x1, int x2, int channels, float* out) {
  if (image.depth == Depth::Float && image.components == channels) {
    std::memcpy(out, image.at(x1, y), static_cast<size_t>(x2 - x1) * image.pixelBytes());
    return;
  }
  forDepth(image.depth, [&](auto code) { decodeRow<decltype(code)>(image, y, x1, x2, channels, out); });
}

void readMatteRow(const Image& image, int y, int x1, int x2, float* out) {
  forDepth(image.depth, [&](auto code) { decodeMatteRow<decltype(code)>(image, y, x1, x2, out); });
}

void writeRow(const Image& image, int y, int x1, int x2, int channels, const float* in) {
  if (image.depth == Depth::Float && image.components == channels) {
    std::memcpy(image.at(x1, y), in, static_cast<size_t>(x2 - x1) * image.pixelBytes());
    return;
  }
  forDepth(image.depth, [&](auto code) { encodeRow<decltype(code)>(image, y, x1, x2, channels, in); });
}

void copyWindow(const Image& output, const OfxRectI& window, const Image* source) {
  const OfxRectI common = source ? intersection(window, source->bounds) : OfxRectI{0, 0, 0, 0};
  std::vector<float> row;
  for (int y = window.y1; y < window.y2; ++y) {
    const bool covered = !isEmpty(common) && y >= common.y1 && y < common.y2;
    const int x1 = covered ? common.x1 : window.x2, x2 = covered ? common.x2 : window.x2;
    std::memset(output.at(window.x1, y), 0, static_cast<size_t>(x1 - window.x1) * output.pixelBytes());
    if (x1 < x2) copyRow(output, *source, y, x1, x2, row);
    std::memset(output.at(x2, y), 0, static_cast<size_t>(window.x2 - x2) * output.pixelBytes());
  }
}

void clearAlpha(const Image& output, const OfxRectI& window) {
  if (output.components == 3) return;
  const size_t pixel = output.pixelBytes(), alpha = pixel / static_cast<size_t>(output.components);
  for (int y = window.y1; y < window.y2; ++y)
    for (int x = window.x1; x < window.x2; ++x) std::memset(output.at(x, y) + (pixel - alpha), 0, alpha);
}

void fillFailure(const Image& output, const OfxRectI& window) {
  const float magenta[4] = {1, 0, 1, 1}, black[4] = {0, 0, 0, 1}, clear[4] = {0, 0, 0, 0};
  // In a picture of alpha alone two opaque colours could not be told apart.
  const float* const second = output.components == 1 ? clear : black;
  for (int y = window.y1; y < window.y2; ++y)
    for (int x = window.x1; x < window.x2; ++x) {
      const bool odd = ((x + y) / kStripe) & 1;
      writeRow(output, y, x, x + 1, 4, odd ? second : magenta);
    }
}

}  // namespace mfs

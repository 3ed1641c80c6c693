// Images as hosts hand them over, and their pixels as rows of floats.
#pragma once

#include <cstddef>
#include <vector>

#include "ofx_abi.h"

namespace mfs {

// Each holds numbers that those before it do not: finer steps, what lies outside of 0..1, every bit of a float.
enum class Depth { Byte, Short, Half, Float };

// y goes up, rowBytes may be negative. components: 1 (alpha), 3, 4.
struct Image {
  std::byte* data = nullptr;
  OfxRectI bounds{};
  ptrdiff_t rowBytes = 0;
  Depth depth = Depth::Float;
  int components = 4;

  int width() const { return bounds.x2 - bounds.x1; }
  int height() const { return bounds.y2 - bounds.y1; }
  size_t pixelBytes() const;
  std::byte* at(int x, int y) const;
  bool sameLayout(const Image& other) const { return depth == other.depth && components == other.components; }
};

OfxRectI intersection(const OfxRectI& a, const OfxRectI& b);
bool isEmpty(const OfxRectI& rectangle);

// Pixels x1 to x2 of row y as RGB or RGBA (`channels` 3 or 4) floats; integers become 0..1. An image of alpha alone
// has black RGB, an image without alpha is opaque.
void readRow(const Image& image, int y, int x1, int x2, int channels, float* out);
// The alpha of the pixels; of an image without alpha, its first channel.
void readMatteRow(const Image& image, int y, int x1, int x2, float* out);
// The inverse of readRow, rounded and clamped to what the depth holds. channels 1: the value of every channel.
void writeRow(const Image& image, int y, int x1, int x2, int channels, const float* in);

// Where `source` has pixels they are copied, elsewhere and without a source the window becomes 0.
void copyWindow(const Image& output, const OfxRectI& window, const Image* source);
// Makes every pixel transparent; its colour stays.
void clearAlpha(const Image& output, const OfxRectI& window);
// A picture that nobody takes for a finished frame: diagonal stripes, magenta and black.
void fillFailure(const Image& output, const OfxRectI& window);

}  // namespace mfs

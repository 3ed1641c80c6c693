// The part of the OpenFX C interface that this plugin uses, written down from its published description.
// Names follow the standard's; strings stand where they are used, in the table below.
#pragma once

#include <cstddef>

extern "C" {

using OfxStatus = int;
using OfxTime = double;
using OfxHandle = void*;

struct OfxRectI {
  int x1, y1, x2, y2;
};

struct OfxRectD {
  double x1, y1, x2, y2;
};

struct OfxPointD {
  double x, y;
};

struct OfxHost {
  OfxHandle host;
  const void* (*fetchSuite)(OfxHandle host, const char* name, int version);
};

struct OfxPlugin {
  const char* pluginApi;
  int apiVersion;
  const char* pluginIdentifier;
  unsigned versionMajor;
  unsigned versionMinor;
  void (*setHost)(OfxHost* host);
  OfxStatus (*mainEntry)(const char* action, const void* handle, OfxHandle inArgs, OfxHandle outArgs);
};

struct OfxPropertySuite {
  OfxStatus (*setPointer)(OfxHandle, const char*, int, void*);
  OfxStatus (*setString)(OfxHandle, const char*, int, const char*);
  OfxStatus (*setDouble)(OfxHandle, const char*, int, double);
  OfxStatus (*setInt)(OfxHandle, const char*, int, int);
  OfxStatus (*setPointerN)(OfxHandle, const char*, int, void* const*);
  OfxStatus (*setStringN)(OfxHandle, const char*, int, const char* const*);
  OfxStatus (*setDoubleN)(OfxHandle, const char*, int, const double*);
  OfxStatus (*setIntN)(OfxHandle, const char*, int, const int*);
  OfxStatus (*getPointer)(OfxHandle, const char*, int, void**);
  OfxStatus (*getString)(OfxHandle, const char*, int, char**);
  OfxStatus (*getDouble)(OfxHandle, const char*, int, double*);
  OfxStatus (*getInt)(OfxHandle, const char*, int, int*);
  OfxStatus (*getPointerN)(OfxHandle, const char*, int, void**);
  OfxStatus (*getStringN)(OfxHandle, const char*, int, char**);
  OfxStatus (*getDoubleN)(OfxHandle, const char*, int, double*);
  OfxStatus (*getIntN)(OfxHandle, const char*, int, int*);
  OfxStatus (*reset)(OfxHandle, const char*);
  OfxStatus (*getDimension)(OfxHandle, const char*, int*);
};

struct OfxImageEffectSuite {
  OfxStatus (*getPropertySet)(OfxHandle effect, OfxHandle* properties);
  OfxStatus (*getParamSet)(OfxHandle effect, OfxHandle* parameters);
  OfxStatus (*clipDefine)(OfxHandle effect, const char* name, OfxHandle* properties);
  OfxStatus (*clipGetHandle)(OfxHandle effect, const char* name, OfxHandle* clip, OfxHandle* properties);
  OfxStatus (*clipGetPropertySet)(OfxHandle clip, OfxHandle* properties);
  OfxStatus (*clipGetImage)(OfxHandle clip, OfxTime time, const OfxRectD* region, OfxHandle* image);
  OfxStatus (*clipReleaseImage)(OfxHandle image);
  OfxStatus (*clipGetRegionOfDefinition)(OfxHandle clip, OfxTime time, OfxRectD* bounds);
  int (*abort)(OfxHandle effect);
  OfxStatus (*imageMemoryAlloc)(OfxHandle effect, size_t bytes, OfxHandle* memory);
  OfxStatus (*imageMemoryFree)(OfxHandle memory);
  OfxStatus (*imageMemoryLock)(OfxHandle memory, void** data);
  OfxStatus (*imageMemoryUnlock)(OfxHandle memory);
};

struct OfxParameterSuite {
  OfxStatus (*define)(OfxHandle set, const char* type, const char* name, OfxHandle* properties);
  OfxStatus (*getHandle)(OfxHandle set, const char* name, OfxHandle* parameter, OfxHandle* properties);
  OfxStatus (*setGetPropertySet)(OfxHandle set, OfxHandle* properties);
  OfxStatus (*getPropertySet)(OfxHandle parameter, OfxHandle* properties);
  OfxStatus (*getValue)(OfxHandle parameter, ...);
  OfxStatus (*getValueAtTime)(OfxHandle parameter, OfxTime time, ...);
  OfxStatus (*getDerivative)(OfxHandle parameter, OfxTime time, ...);
  OfxStatus (*getIntegral)(OfxHandle parameter, OfxTime from, OfxTime to, ...);
  OfxStatus (*setValue)(OfxHandle parameter, ...);
  OfxStatus (*setValueAtTime)(OfxHandle parameter, OfxTime time, ...);
  OfxStatus (*getNumKeys)(OfxHandle parameter, unsigned* count);
  OfxStatus (*getKeyTime)(OfxHandle parameter, unsigned index, OfxTime* time);
  OfxStatus (*getKeyIndex)(OfxHandle parameter, OfxTime time, int direction, int* index);
  OfxStatus (*deleteKey)(OfxHandle parameter, OfxTime time);
  OfxStatus (*deleteAllKeys)(OfxHandle parameter);
  OfxStatus (*copy)(OfxHandle to, OfxHandle from, OfxTime offset, const double* range);
  OfxStatus (*editBegin)(OfxHandle set, const char* label);
  OfxStatus (*editEnd)(OfxHandle set);
};

struct OfxMessageSuite {
  OfxStatus (*message)(OfxHandle effect, const char* type, const char* id, const char* format, ...);
  // Version 2 only.
  OfxStatus (*setPersistentMessage)(OfxHandle effect, const char* type, const char* id, const char* format, ...);
  OfxStatus (*clearPersistentMessage)(OfxHandle effect);
};

struct OfxProgressSuite {
  OfxStatus (*start)(OfxHandle effect, const char* label);
  OfxStatus (*update)(OfxHandle effect, double share);
  OfxStatus (*end)(OfxHandle effect);
};

struct OfxDrawSuite {
  OfxStatus (*getColour)(OfxHandle context, int standard, void* colour);
  OfxStatus (*setColour)(OfxHandle context, const void* colour);
  OfxStatus (*setLineWidth)(OfxHandle context, float width);
  OfxStatus (*setLineStipple)(OfxHandle context, int pattern);
  OfxStatus (*draw)(OfxHandle context, int primitive, const OfxPointD* points, int count);
  OfxStatus (*drawText)(OfxHandle context, const char* text, const OfxPointD* place, int alignment);
};

struct OfxInteractSuite {
  OfxStatus (*swapBuffers)(OfxHandle interact);
  OfxStatus (*redraw)(OfxHandle interact);
  OfxStatus (*getPropertySet)(OfxHandle interact, OfxHandle* properties);
};

struct OfxTimeLineSuite {
  OfxStatus (*getTime)(OfxHandle effect, double* time);
  OfxStatus (*gotoTime)(OfxHandle effect, double time);
  OfxStatus (*getTimeBounds)(OfxHandle effect, double* first, double* last);
};

}  // extern "C"

static_assert(sizeof(OfxHost) == 16 && sizeof(OfxPlugin) == 48, "the layout that 64-bit hosts expect");
static_assert(sizeof(OfxPropertySuite) == 18 * 8 && sizeof(OfxImageEffectSuite) == 13 * 8, "all slots, in order");
static_assert(sizeof(OfxParameterSuite) == 18 * 8, "all slots, in order");

namespace ofx {

enum Status : OfxStatus {
  OK = 0,
  Failed = 1,
  ErrMissingHostFeature = 4,
  ErrMemory = 8,
  ReplyNo = 13,
  ReplyDefault = 14,
};

}  // namespace ofx

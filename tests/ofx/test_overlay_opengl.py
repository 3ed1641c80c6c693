"""The overlay drawn with OpenGL, by Mesa's software renderer into memory: its pixels are read back.

Skipped where there is no EGL that renders without a screen (Debian: libegl1 and libgl1-mesa-dri, libgl1).
"""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from test_overlay import handles, outline, viewed

from bundles import rendered
from mobilefaceswap.ofx.host import Instance, Layout

SURFACELESS, OPENGL_API = 0x31DD, 0x30A2
SURFACE, PBUFFER, RENDERABLE, OPENGL_BIT, NONE = 0x3033, 0x0001, 0x3040, 0x0008, 0x3038
BLUE_SIZE, GREEN_SIZE, RED_SIZE = 0x3022, 0x3023, 0x3024
WIDTH_OF, HEIGHT_OF = 0x3057, 0x3056
COLOUR_BUFFER, PROJECTION, RGB, BYTES, TEXTURE_2D = 0x4000, 0x1701, 0x1907, 0x1401, 0x0DE1
CURRENT_COLOUR, LINE_WIDTH = 0x0B00, 0x0B21
GREEN, BLUE, YELLOW = (0, 255, 0), (102, 204, 255), (255, 255, 0)

Screen = Callable[..., np.ndarray]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """Runs a function that draws, and returns the (side, side, 3) pixels of a black screen after it."""
    monkeypatch.setenv("LIBGL_ALWAYS_SOFTWARE", "1")
    monkeypatch.setenv("GALLIUM_DRIVER", "softpipe")
    try:
        egl, gl = c.CDLL("libEGL.so.1"), c.CDLL("libGL.so.1")
    except OSError as error:
        pytest.skip(str(error))
    side = 1024
    for name in ("eglGetPlatformDisplay", "eglCreatePbufferSurface", "eglCreateContext"):
        getattr(egl, name).restype = c.c_void_p
    gl.glOrtho.argtypes = [c.c_double] * 6
    display = c.c_void_p(egl.eglGetPlatformDisplay(SURFACELESS, None, None))
    config, count = c.c_void_p(), c.c_int()
    depth = (RED_SIZE, 8, GREEN_SIZE, 8, BLUE_SIZE, 8)
    wanted = (c.c_int * 11)(SURFACE, PBUFFER, RENDERABLE, OPENGL_BIT, *depth, NONE)
    size = (c.c_int * 5)(WIDTH_OF, side, HEIGHT_OF, side, NONE)
    if not display or not egl.eglInitialize(display, None, None) or not egl.eglBindAPI(OPENGL_API):
        pytest.skip("no EGL that renders without a screen")
    egl.eglChooseConfig(display, wanted, c.byref(config), 1, c.byref(count))
    surface = c.c_void_p(egl.eglCreatePbufferSurface(display, config, size))
    context = c.c_void_p(egl.eglCreateContext(display, config, None, None))
    if not context or not egl.eglMakeCurrent(display, surface, surface, context):
        pytest.skip("EGL gives no context for OpenGL")

    def drawn(draw: Callable[[], None], zoom: float) -> np.ndarray:
        gl.glViewport(0, 0, side, side)
        gl.glMatrixMode(PROJECTION)
        gl.glLoadIdentity()
        gl.glOrtho(0, side / zoom, 0, side / zoom, -1, 1)
        gl.glClear(COLOUR_BUFFER)
        # What hosts leave behind: a texture would tint every line.
        gl.glEnable(TEXTURE_2D)
        gl.glColor4f(c.c_float(0.25), c.c_float(0.5), c.c_float(0.75), c.c_float(1))
        gl.glLineWidth(c.c_float(3))
        draw()
        assert gl.glIsEnabled(TEXTURE_2D), "what the host had set is set again"
        state = (c.c_float * 4)()
        gl.glGetFloatv(CURRENT_COLOUR, state)
        assert list(state) == [0.25, 0.5, 0.75, 1]
        gl.glGetFloatv(LINE_WIDTH, state)
        assert state[0] == 3
        assert gl.glGetError() == 0
        pixels = np.zeros((side, side, 3), np.uint8)
        gl.glReadPixels(0, 0, side, side, RGB, BYTES, pixels.ctypes.data_as(c.c_void_p))
        return pixels[::-1]

    yield drawn
    egl.eglMakeCurrent(display, None, None, None)
    egl.eglDestroyContext(display, context)
    egl.eglTerminate(display)


def on_screen(picture: np.ndarray, points: np.ndarray, zoom: float, reach: int = 2) -> list[set[tuple[int, ...]]]:
    """The colours within ``reach`` pixels of each point of the canonical plane that lies on the screen."""
    height, width, _ = picture.shape
    found = []
    for x, y in np.asarray(points) * zoom:
        column, row = int(x), int(height - y)
        if reach <= column < width - reach and reach <= row < height - reach:
            near = picture[row - reach : row + reach + 1, column - reach : column + reach + 1]
            found.append({tuple(map(int, pixel)) for pixel in near.reshape(-1, 3)})
    return found


@pytest.mark.parametrize(
    ("layout", "zoom"),
    [(Layout(), 4.0), (Layout(scale=(0.5, 0.5)), 2.0), (Layout(origin=(40, 24)), 1.0)],
    ids=["close", "half size", "another origin, far away"],
)
def test_faces_crops_and_outlines_appear_where_the_draw_suite_has_them(
    effects, identity: Path, plate, screen: Screen, layout: Layout, zoom: float
) -> None:
    node = effects[0].create(source=str(identity))
    assert node.render(plate, layout=layout)[0] == 0
    clip = viewed(plate, layout)
    lines = node.overlay("Draw", clip=clip, zoom=zoom)[1]
    picture = screen(lambda: _draw(node, clip, zoom), zoom)
    box = np.reshape(lines[1][1], (-1, 2))
    assert all(GREEN in colours for colours in on_screen(picture, box, zoom))
    assert all(YELLOW in colours for colours in on_screen(picture, outline(lines), zoom))
    for side, middle in handles(lines).items():
        (around,) = on_screen(picture, [middle], zoom, reach=6) or [{BLUE}]
        assert BLUE in around, side
    shown = {tuple(map(int, pixel)) for pixel in np.unique(picture.reshape(-1, 3), axis=0)}
    assert shown == {(0, 0, 0), GREEN, BLUE, YELLOW}, "nothing is tinted by the host's texture"


def test_numbers_stand_above_the_box(effects, identity: Path, plate, screen: Screen) -> None:
    node = effects[0].create(source=str(identity))
    rendered(node, plate)
    clip, zoom = viewed(plate), 4.0
    box = np.reshape(node.overlay("Draw", clip=clip, zoom=zoom)[1][1][1], (-1, 2))
    left, top = box[:, 0].min() * zoom, 1024 - box[:, 1].max() * zoom
    picture = screen(lambda: _draw(node, clip, zoom), zoom)
    words = (picture[int(top) - 16 : int(top) - 2, int(left) : int(left) + 60] == GREEN).all(axis=2)
    columns = words.any(axis=0)
    letters = int(columns[0]) + np.count_nonzero(columns[1:] & ~columns[:-1])
    # "0  0.99": a number, a digit, a point and two more digits; a 1 is a single line.
    # Where the box lies between pixels, the point may touch a digit.
    assert letters in (4, 5)
    assert words.any(axis=1).sum() >= 10


def _draw(node: Instance, clip: object, zoom: float) -> None:
    assert node.overlay("Draw", clip=clip, zoom=zoom, opengl=True)[0] == 0

"""Dense face landmarks of pictures, and the grafting of one face onto another along them.

The landmarks come from the FaceMesh network of MediaPipe (arXiv 1907.06724; Apache-2.0), whose file
`mediapipe/modules/face_landmark/face_landmark.tflite` lies inside the package's wheel. OpenCV runs it. It serves
training only, for the data and, where asked for, in a loss (landmarks.py): neither the pack nor the judge of
`evaluate.py` knows it.

A mesh is (468, 3): x right, y down and depth, in widths of the crop.
"""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Mesh = NDArray[np.float32]
INPUT = 192  # pixels of the network's input
# The squares that the network sees: width, in widths of an aligned crop, and middle.
SQUARES = ((1.25, (0.5, 0.62)), (1.4, (0.52, 0.6)), (1.15, (0.48, 0.64)))
STEP = 6  # pixels between the places where a warp is computed; between them it is linear

JAW = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454]
FOREHEAD = [356, 389, 251, 284, 332, 297, 338, 10, 109, 67, 103, 54, 21, 162, 127]
BROW_TOPS = [70, 63, 105, 66, 107, 336, 296, 334, 293, 300]
BROWS = [*BROW_TOPS, 46, 53, 52, 65, 55, 285, 295, 282, 283, 276]
EYES = (
    [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246],
    [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466],
)
LIPS = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185]
MOUTH = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191]
NOSE = [168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 48, 64, 278, 294, 115, 344, 129, 358]
CHEEKS = [50, 280, 205, 425, 36, 266, 187, 411, 117, 346, 151, 9, 69, 299]
CHIN = [148, 152, 176, 377, 400]
OUTLINE = [*JAW, *FOREHEAD]
# The landmarks that the 68 points of the iBUG convention are: jaw, brows, nose, eyes, outer and inner lips.
POINTS_ON_MESH = [
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
]
CONTROL = np.array(
    [*OUTLINE[::2], *BROWS[::2], *EYES[0], *EYES[1], *LIPS[::2], *MOUTH[::2], *NOSE, *CHEEKS]
)  # fmt: skip
RIGID = np.array([*OUTLINE, *NOSE[:6], 33, 133, 362, 263])
# How far each landmark follows the other face's expression; the rest follows by the share of its shape.
EXPRESSION = np.zeros(468, np.float32)
EXPRESSION[CHIN], EXPRESSION[BROWS] = 0.6, 0.7
EXPRESSION[[*EYES[0], *EYES[1], *LIPS, *MOUTH]] = 1.0
# The mean of the meshes of the project's data and their mirror images: the face in whose places portraits are kept.
CANONICAL: Mesh = np.load(Path(__file__).with_name("canonical.npy"))
# The landmark that each becomes in a mirror.
PARTNERS = np.square(CANONICAL[:, None] - (CANONICAL * (-1, 1, 1) + (1, 0, 0))[None]).sum(2).argmin(1)
# The part of the canonical crop that a canvas shows: left, top and width.
CANVAS_LEFT, CANVAS_TOP, CANVAS_WIDTH = 0.08, 0.18, 0.84
# How much of a portrait a swap takes: by place, of its grey contrast that is slower than BAND widths of a crop, of what
# is finer, and of its tints. No share is above 1; eyes and mouth are the target's. Beyond about 0.5 tints of a portrait
# are patches on skin of another colour: orange lids, grey noses, blue brows.
SHARES = {
    "elsewhere": (1.0, 1.0, 0.5),
    "nose": (0.8, 1.0, 0.4),
    "brows": (1.0, 1.0, 0.4),
    "mouth": (0.0, 0.0, 0.0),
    "eyes": (0.0, 0.0, 0.0),
    "eyeballs": (0.0, 0.0, 0.0),
}
BAND = 0.025
BAND_EDGE = 0.05  # added to the spread matte by which the slow band is divided, which fades it out beyond the face
DARK = 0.04  # keeps ratios of dark pixels within bounds


def on_canvas(places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Places (..., 2) of the canonical crop, in widths of the canvas."""
    return np.asarray((places - (CANVAS_LEFT, CANVAS_TOP)) / CANVAS_WIDTH, np.float32)


def canonical_on_canvas() -> Mesh:
    """The canonical mesh in widths of the canvas."""
    return np.hstack([on_canvas(CANONICAL[:, :2]), CANONICAL[:, 2:] / CANVAS_WIDTH])


def cells(count: int) -> NDArray[np.float32]:
    """The middles of `count` equal parts of 0..1."""
    return (np.arange(count, dtype=np.float32) + 0.5) / count


def canvas_field(mesh: Mesh, count: int) -> NDArray[np.float32]:
    """For each of count x count cells of the canvas, where in the crop the face `mesh` has that spot: (n, n, 2)."""
    across = CANVAS_LEFT + CANVAS_WIDTH * cells(count)
    down = CANVAS_TOP + CANVAS_WIDTH * cells(count)
    return spline(mesh, CANONICAL, across, down)


def face_field(mesh: Mesh, count: int) -> NDArray[np.float32]:
    """For each of count x count cells of a crop with the face `mesh`, where on the canvas that spot is: (n, n, 2)."""
    return on_canvas(spline(CANONICAL, mesh, cells(count), cells(count)))


class FaceMesh:
    """The landmark network, on aligned crops. One look at a face is 0.3 hundredths of its crop's width off what the
    mean of several says, so each crop is seen in three squares, and in a mirror."""

    def __init__(self, path: Path) -> None:
        self._net = cv2.dnn.readNetFromTFLite(str(path))
        self._output = self._net.getUnconnectedOutLayersNames()

    def __call__(self, crop: NDArray[np.uint8]) -> Mesh:
        """The mesh of an aligned crop (S, S, 3) RGB."""
        other = np.ascontiguousarray(crop[:, ::-1])
        looks = [self._look(crop, reach, middle) for reach, middle in SQUARES]
        looks += [mirrored(self._look(other, reach, (1 - x, y))) for reach, (x, y) in SQUARES]
        return np.asarray(np.mean(looks, 0), np.float32)

    def _look(self, crop: NDArray[np.uint8], reach: float, middle: tuple[float, float]) -> Mesh:
        size = crop.shape[0]
        side, corner = reach * size, np.array(middle) * size - reach * size / 2
        matrix = np.hstack([np.eye(2) * INPUT / side, -corner[:, None] * INPUT / side])
        seen = cv2.warpAffine(crop, matrix, (INPUT, INPUT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        self._net.setInput(seen.astype(np.float32).transpose(2, 0, 1)[None] / 255)
        mesh = self._net.forward(self._output)[0].reshape(468, 3) * (side / INPUT)
        mesh[:, :2] += corner
        return np.asarray(mesh / size, np.float32)


def mirrored(mesh: Mesh) -> Mesh:
    """The mesh of the mirrored picture."""
    return np.asarray(mesh[PARTNERS] * (-1, 1, 1) + (1, 0, 0), np.float32)


def rotation_onto(a: Mesh, b: Mesh) -> tuple[NDArray[np.float64], float]:
    """Rotation (3 x 3) and scale that bring mesh `a` onto `b` by the points that expressions leave alone (Umeyama)."""
    p, q = a[RIGID] - a[RIGID].mean(0), b[RIGID] - b[RIGID].mean(0)
    u, s, vt = np.linalg.svd(q.T @ p)
    signs = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    return (u * signs) @ vt, float((s * signs).sum() / np.square(p).sum())


def carried(a: Mesh, b: Mesh, share: float) -> Mesh:
    """Where the landmarks of face `a` lie with the pose and expression of `b`, and `share` of the shape of `b`."""
    turn, scale = rotation_onto(a, b)
    posed = scale * (a - a[RIGID].mean(0)) @ turn.T + b[RIGID].mean(0)
    return np.asarray(posed + np.maximum(EXPRESSION, share)[:, None] * (b - posed), np.float32)


def spline(source: Mesh, wanted: Mesh, across: NDArray[np.float32], down: NDArray[np.float32]) -> NDArray[np.float32]:
    """The thin-plate spline that leads from landmarks `wanted` back to `source`: (n, m, 2) places, in widths of the
    crop, for the grid whose columns are at `across` (m) and rows at `down` (n)."""
    nodes, n = wanted[CONTROL, :2], len(CONTROL)
    answers = np.vstack([source[CONTROL, :2], np.zeros((3, 2))])
    known = wanted is CANONICAL
    solved = (_CANONICAL_INVERSE @ answers if known else np.linalg.solve(_system(nodes), answers)).astype(np.float32)
    places = np.stack(np.meshgrid(across, down), 2).reshape(-1, 2)
    squared = (places**2).sum(1)[:, None] + (nodes**2).sum(1)[None] - 2 * places @ nodes.T
    bent = _bending(np.maximum(squared, 0)) @ solved[:n] + solved[n] + places @ solved[n + 1 :]
    return bent.reshape(len(down), len(across), 2)


def warped(image: Image, source: Mesh, wanted: Mesh) -> Image:
    """`image` (S, S, 3) moved so that its landmarks `source` come to lie at `wanted`."""
    size = image.shape[0]
    line = np.arange(0, size + STEP, STEP, dtype=np.float32) / size
    bent = spline(source, wanted, line, line)
    ticks = (np.arange(size, dtype=np.float32) + 0.5) / STEP
    field = cv2.remap(bent, *np.meshgrid(ticks, ticks), cv2.INTER_LINEAR) * size - 0.5
    return cv2.remap(image, field[..., 0], field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _system(nodes: NDArray[np.float32]) -> NDArray[np.float64]:
    """The equations of a thin-plate spline through `nodes` (n, 2), a little smoothed."""
    to, n = nodes.astype(np.float64), len(nodes)
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _bending(np.square(to[:, None] - to[None]).sum(2)) + 1e-4 * np.eye(n)
    system[:n, n:] = np.hstack([np.ones((n, 1)), to])
    system[n:, :n] = system[:n, n:].T
    return system


def _bending(squared: NDArray[np.floating]) -> NDArray[np.floating]:
    return 0.5 * squared * np.log(squared + 1e-12)


def polygon(points: NDArray[np.float32], size: int, soft: float, grow: int = 0) -> Image:
    """A polygon (N, 2) in pixels as a soft matte (S, S) 0..1; `grow` pixels wider, or narrower where negative."""
    matte = np.zeros((size, size), np.float32)
    cv2.fillPoly(matte, [np.round(points * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    if grow:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(grow) + 1, 2 * abs(grow) + 1))
        matte = (cv2.dilate if grow > 0 else cv2.erode)(matte, kernel)
    return cv2.GaussianBlur(matte, (0, 0), soft)


def face_hull(mesh: Mesh) -> NDArray[np.float32]:
    """The outline (N, 2) of the face from the chin to a little above the brows, where hair seldom reaches."""
    brows = mesh[BROW_TOPS, :2]
    raised = brows + 0.35 * (mesh[10, :2] - mesh[9, :2])
    return cv2.convexHull(np.concatenate([mesh[JAW, :2], raised]))[:, 0]


def face_matte(mesh: Mesh, size: int, grow: float = -0.03, soft: float = 0.025) -> Image:
    """The face as a soft matte (S, S); `grow` and `soft` in widths of the crop. It fades towards the crop's border."""
    edge = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    border = np.clip(np.minimum.outer(edge, edge) / (0.05 * size), 0, 1).astype(np.float32)
    return polygon(face_hull(mesh) * size, size, soft * size, round(grow * size)) * border


def graft(image: Image, mesh: Mesh, contrast: Image, light: Image, share: float) -> Image:
    """A face on `image` (S, S, 3) 0..1: the features of one; light, pose, expression, gaze and mouth of the image.

    `contrast` (C, C, 3) is the portrait's, on the canvas, and `light` (S, S, 3) what changes slowly in the image.
    `share` of the shape is the image's, the rest that of the canonical face.
    """
    size = image.shape[0]
    drawn = cv2.resize(
        np.dstack([contrast, shares_on_canvas(contrast.shape[0])]), (size, size), interpolation=cv2.INTER_CUBIC
    )
    onto = canonical_on_canvas()
    worn = warped(drawn, onto, carried(onto, mesh, share))
    matte = face_matte(mesh, size)[..., None]
    change = light * (1 + worn[..., :3]) - image
    grey = change.mean(2, keepdims=True)
    spread = cv2.GaussianBlur(np.dstack([grey * matte, matte]), (0, 0), BAND * size, borderType=cv2.BORDER_CONSTANT)
    slow = spread[..., :1] / (spread[..., 1:] + BAND_EDGE)
    moved = worn[..., 3:4] * slow + worn[..., 4:5] * (grey - slow)
    asked, got = (np.maximum(image.mean(2, keepdims=True) + by, 0) + DARK for by in (grey, moved))
    agreed = np.minimum(asked, got) / np.maximum(asked, got)
    face = image + moved + worn[..., 5:] * agreed * (change - grey)
    for opening, soft in ((EYES[0], 0.004), (EYES[1], 0.004), (MOUTH, 0.006)):
        keep_opening(face, image, mesh[opening, :2], soft)
    return np.clip(image + matte * (face - image), 0, 1)


def keep_opening(face: Image, image: Image, outline: NDArray[np.float32], soft: float) -> None:
    """Put back, in place, what an eye or the mouth (outline in widths of the crop) of `image` shows between its lids
    or lips."""
    size = image.shape[0]
    low, high = np.floor(outline.min(0) * size).astype(int) - 4, np.ceil(outline.max(0) * size).astype(int) + 5
    (left, top), (right, bottom) = np.clip(low, 0, size), np.clip(high, 0, size)
    extent = max(right - left, bottom - top)
    if min(right - left, bottom - top) < 1:
        return
    opening = polygon(outline * size - (left, top), extent, soft * size)[: bottom - top, : right - left]
    part, given = face[top:bottom, left:right], image[top:bottom, left:right]
    part += opening[..., None] * (given - part)


@functools.cache
def shares_on_canvas(count: int) -> Image:
    """SHARES at the places of a canvas: (count, count, 3), of the slow band, the fine one and the tints."""
    onto = canonical_on_canvas()
    parts = {
        "nose": ((NOSE,), 0.02),
        "brows": ((BROWS[:5] + BROWS[10:15], BROWS[5:10] + BROWS[15:]), 0.02),
        "mouth": ((LIPS,), 0.027),
        "eyes": (EYES, 0.027),
        "eyeballs": (EYES, 0.0),
    }
    shares = np.full((count, count, 3), SHARES["elsewhere"], np.float32)
    for name, (outlines, grow) in parts.items():
        for outline in outlines:
            hull = cv2.convexHull(onto[outline, :2] * count)[:, 0]
            matte = polygon(hull, count, 0.013 * count, round(grow * count))[..., None]
            shares += matte * (np.float32(SHARES[name]) - shares)
    return shares


def features_matte(mesh: Mesh, size: int) -> Image:
    """Where eyes and mouth are, with a rim around them, as a soft matte (S, S)."""
    parts = [cv2.convexHull(mesh[part, :2] * size)[:, 0] for part in (*EYES, LIPS)]
    return np.maximum.reduce([polygon(part, size, 0.01 * size, round(0.02 * size)) for part in parts])


_CANONICAL_INVERSE = np.linalg.inv(_system(CANONICAL[CONTROL, :2]))

"""``make demo``: a real swap with the shipped pack on pictures with plain rights, and a sheet to look at."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from ..cache import RenderCache
from ..faces.choose import cosine
from ..frame import Floats
from ..identity import encode_face
from ..media import create_output, open_clip
from ..node import FaceSwapNode, RenderResult
from ..render_shot import render_shot
from .samples import HopperClip, astronaut

__all__ = ["demonstrate"]

_SIZE = (960, 540)
_FRAMES = 60
_SHOWN = (4, 24, 44)
_TILE = 360
_CREDIT = (
    "target: Grace Hopper, US Navy, public domain (from matplotlib)\n"
    "source: astronaut Eileen Collins, NASA, public domain (from scikit-image)"
)


def demonstrate(folder: Path) -> None:
    """Writes source.png, target.mp4, out.mp4, matte.mp4 and sheet.png into ``folder`` and prints what was measured."""
    folder.mkdir(parents=True, exist_ok=True)
    source, plates = astronaut(), HopperClip(_SIZE, _FRAMES)
    create_output(folder / "source.png").write(0, source)
    with create_output(folder / "target.mp4") as writer:
        for time in range(_FRAMES):
            writer.write(time, plates.frame(time).pixels)
    with open_clip(folder / "target.mp4") as clip:
        node = FaceSwapNode(folder / "source.png", clip, cache=RenderCache())
        outputs = create_output(folder / "out.mp4", like=clip), create_output(folder / "matte.mp4", like=clip)
        with outputs[0] as composite, outputs[1] as matte:
            report = render_shot(node, composite, range(clip.first, clip.last + 1), matte=matte)
        results = [node.render(time) for time in _SHOWN]
    create_output(folder / "sheet.png").write(0, _sheet(source, results))
    swapped = sum(bool(quality.faces_swapped) for quality in report.quality.values())
    before, after = np.mean([_likeness(node, result) for result in results], axis=0)
    for name in ("out.mp4", "matte.mp4", "sheet.png"):
        print(folder / name)
    print(_CREDIT)
    print(f"pack {node.pack.name} {node.pack.version}: {node.pack.licence}")
    print(f"{swapped} of {report.frames} frames swapped, {report.frames_per_second:.1f} frames/s")
    print(f"likeness to the source, by the pack's own recogniser (cosine): {before:.2f} before, {after:.2f} after")


def _likeness(node: FaceSwapNode, result: RenderResult) -> tuple[float, float]:
    """Cosine to the source of the plate's face and of the swapped one."""
    face, source = result.swapped[0], node.identity.embedding
    swapped = result.plate.with_pixels(result.composite)
    return (
        cosine(encode_face(result.plate, face, node.pack)["embedding"], source),
        cosine(encode_face(swapped, face, node.pack)["embedding"], source),
    )


def _sheet(source: Floats, results: list[RenderResult]) -> Floats:
    """A row for each result: source, target, swap, matte, face layer."""
    rows = []
    for result in results:
        matte = np.dstack([result.matte] * 3)
        pictures = [result.plate.rgb, result.composite[..., :3], matte, result.face[..., :3]]
        x, y = result.swapped[0].centre
        half = int(max(result.swapped[0].box[2:]))
        left, top = int(max(0, x - half)), int(max(0, y - half))
        cut = (slice(top, top + 2 * half), slice(left, left + 2 * half))
        rows.append(np.hstack([_tile(source), *(_tile(picture[cut]) for picture in pictures)]))
    return np.vstack(rows)


def _tile(picture: Floats) -> Floats:
    """Fitted into a square on grey."""
    height, width = picture.shape[:2]
    scale = _TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(
        np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    tile = np.full((_TILE, _TILE, 3), 0.2, np.float32)
    top, left = (_TILE - size[1]) // 2, (_TILE - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = small
    return tile


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m mobilefaceswap.demo", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("demo"), help="where pictures and clips go")
    demonstrate(parser.parse_args().folder)

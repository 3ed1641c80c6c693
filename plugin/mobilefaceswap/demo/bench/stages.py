"""Milliseconds a frame that each stage takes, in this process; stages overlap, so they add up to more than the shot."""

from __future__ import annotations

from pathlib import Path

from ...cache import RenderCache
from ...identity import Identity
from ...media import create_output, open_clip
from ...node import FaceSwapNode
from ...render_shot import SHOT_CACHE_BYTES, render_shot

__all__ = ["stage_milliseconds"]


def stage_milliseconds(place: Path, identity: Path, folder: Path) -> dict[str, float]:
    """By stage, over the whole clip."""
    with open_clip(place) as clip:
        node = FaceSwapNode(Identity.load(identity), clip, cache=RenderCache(SHOT_CACHE_BYTES))
        with create_output(folder / "stages.mp4", like=clip) as writer:
            report = render_shot(node, writer, range(clip.first, clip.last + 1))
    return {name: 1000 * seconds / report.frames for name, seconds in report.stages.items()}

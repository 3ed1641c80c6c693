"""``mobilefaceswap measure``: how good a swap of a clip is, each figure beside its mark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from .options import (
    AllowInterlaced,
    Device,
    FacesName,
    JsonOption,
    PackName,
    Range,
    Source,
    SourceFace,
    Target,
    TrackFile,
    with_settings,
)
from .terminal import print_json, quiet_libraries

__all__ = ["measure"]


@with_settings
def measure(
    target: Target,
    source: Source,
    frames: Range = None,
    source_face: SourceFace = 0,
    pack: PackName = None,
    faces: FacesName = None,
    track: TrackFile = None,
    allow_interlaced: AllowInterlaced = False,
    device: Device = None,
    as_json: JsonOption = False,
    *,
    settings: Mapping[str, Any],
) -> None:
    """Measure a swap beside its plate: bits, highlights, jitter, lag, flicker, pumping, seam, grain, proxies."""
    from rich.console import Console
    from rich.progress import track as progress

    from ..analyse_clip import check_clip
    from ..demo.measure import measure_clip
    from ..faces import load_track, open_detector
    from ..node import FaceSwapNode
    from ..packs import find_pack
    from .clips import open_target
    from .range import frame_range
    from .shot import with_defaults

    chosen = find_pack(pack)
    known = load_track(track) if track else None
    with quiet_libraries(), open_target(target, allow_interlaced) as clip:
        if known is not None:
            check_clip(known, clip, Path(target).name)
        node = FaceSwapNode(
            source[0] if len(source) == 1 else source,
            clip,
            pack=chosen,
            settings=with_defaults(settings, pack),
            track=known,
            faces=faces,
            source_face=source_face,
        )
        steps = progress(frame_range(frames, clip), "Measuring", disable=as_json, console=Console(stderr=True))
        found = measure_clip(node, steps, open_detector(chosen, faces))
    if as_json:
        print_json([{**asdict(one), "holds": one.holds} for one in found])
        return
    words = {True: "holds", False: "MISSED", None: "the clip cannot tell"}
    for one in found:
        value = "" if one.value is None else f"{one.value:.4g}"
        typer.echo(f"{one.name:<10} {value:>9}  at most {one.most:<5g} {words[one.holds]:<20}  {one.label}")

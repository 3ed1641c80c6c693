"""Tracks and mattes of a plate with overscan on its proxies, which may hold the display window alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from commands import run
from mobilefaceswap import FaceSwapNode, Settings
from mobilefaceswap.errors import MediaError, TrackError
from mobilefaceswap.exchange import motion_of
from mobilefaceswap.faces import Edits, Face, Track
from mobilefaceswap.frame import Extent, Frame, Window, fit
from mobilefaceswap.media import open_clip, open_matte
from mobilefaceswap.node.place import motion_of as face_motion
from test_track_overscan import CROP, FACE, FORMAT, STILL

DATA, INSIDE = (376, 214), Window(40, 24, *FORMAT)
POINTS = FACE + (40, 24)
"""Of the face, counted as a track of the plate does."""


def save(place: Path, data: Window, display: Window, values: np.ndarray | float = 0.5, names=("R", "G", "B")) -> Path:
    header = oiio.ImageSpec(data.width, data.height, len(names), oiio.FLOAT)
    header.x, header.y, header.full_x, header.full_y = data.x, data.y, display.x, display.y
    header.full_width, header.full_height, header.channelnames = *display.size, names
    output = oiio.ImageOutput.create("a.exr")
    assert output.open(str(place), header)
    pixels = np.broadcast_to(np.asarray(values, np.float32), (data.height, data.width))
    assert output.write_image(np.repeat(pixels[..., None], len(names), axis=2))
    assert output.close()
    return place


def whole(width: int, height: int) -> tuple[Window, Window]:
    return Window(0, 0, width, height), Window(0, 0, width, height)


OVERSCAN = Window(-40, -24, *DATA), Window(0, 0, *FORMAT)
TRACK = Track(DATA, {0: (replace(Face.around(POINTS), person=1),)}, display=INSIDE)
HALF_FORMAT, HALF_DATA = (FACE + 0.5) / 2 - 0.5, (POINTS + 0.5) / 2 - 0.5
PROXIES = {
    "all pixels": ((188, 107), None, HALF_DATA),
    "the display window": ((160, 90), None, HALF_FORMAT),
    "both": ((188, 107), Window(20, 12, 160, 90), HALF_DATA),
    "more overscan": ((200, 120), Window(30, 20, 160, 90), HALF_FORMAT + (30, 20)),
    "less than the display window": ((100, 60), Window(-30, -20, 160, 90), HALF_FORMAT - (30, 20)),
    "an even side": ((188, 108), None, (POINTS + 0.5) * (0.5, 108 / 214) - 0.5),
    "the same size": (DATA, None, POINTS),
    "the display window itself": (FORMAT, None, FACE),
}


@pytest.mark.parametrize(("size", "display", "expected"), PROXIES.values(), ids=PROXIES.keys())
def test_faces_lie_on_every_proxy(size, display, expected) -> None:
    (face,) = TRACK.faces(0, size, display)
    np.testing.assert_allclose(face.landmarks, expected, atol=1e-9)
    np.testing.assert_array_equal(TRACK.timeline(size, display).faces(0)[0].landmarks, face.landmarks)
    assert face.box[2] == pytest.approx(Face.around(expected).box[2], rel=0.01)


def test_a_track_of_the_display_window_fits_the_plate() -> None:
    """The other way round: made on a proxy, used on the plate."""
    small = Track((160, 90), {0: (Face.around(HALF_FORMAT),)})
    np.testing.assert_allclose(small.faces(0, DATA, INSIDE)[0].landmarks, POINTS, atol=1e-9)


def test_a_track_of_a_plate_cut_to_a_part_of_the_same_size() -> None:
    """A host's picture may begin elsewhere and be as large as the display window; it counts all the same."""
    track = Track(FORMAT, {0: (Face.around(FACE),)})
    (face,) = track.faces(0, FORMAT, Window(-5, 3, *FORMAT))
    np.testing.assert_allclose(face.landmarks, FACE + (-5, 3), atol=1e-9)


def test_where_both_shapes_fit_the_display_window_is_meant() -> None:
    """Overscan by the same share on all sides."""
    track = Track((352, 198), {0: (Face.around(FACE + (16, 9)),)}, display=Window(16, 9, *FORMAT))
    np.testing.assert_allclose(track.faces(0, (160, 90))[0].landmarks, HALF_FORMAT, atol=1e-9)
    np.testing.assert_allclose(track.faces(0, (352, 198))[0].landmarks, FACE + (16, 9), atol=1e-9)


def test_a_face_s_motion_counts_from_the_display_window() -> None:
    frames = {time: (Face.around(POINTS + (4 * time, 0)),) for time in range(3)}
    plate = Frame(np.zeros((120, 200, 3), np.float32), display=Window(30, 20, 160, 90))
    face = Face.around(HALF_FORMAT + (32, 20))
    motion = face_motion(face, 1, Track(DATA, frames, display=INSIDE), plate)
    assert motion is not None
    np.testing.assert_allclose(motion, np.tile([2.0, 0.0], (5, 1)), atol=1e-9)


@pytest.mark.parametrize("size", [(160, 120), (188, 90), (90, 160)])
def test_another_shape_is_refused_with_both_sizes(size) -> None:
    found = rf"376 x 214 with a display window of 320 x 180; found {size[0]} x {size[1]}\. Analyse this plate"
    with pytest.raises(TrackError, match=found):
        TRACK.faces(0, size)


def test_without_overscan_pixels_may_change_their_shape() -> None:
    """A proxy whose pixels are square of an anamorphic plate."""
    track = Track((200, 100), {0: (Face.around(np.array(FACE) / 2),)})
    (face,) = track.faces(0, (200, 50))
    np.testing.assert_allclose(face.landmarks, (FACE / 2 + 0.5) * (1, 0.5) - 0.5)


@pytest.mark.parametrize(("size", "display", "expected"), PROXIES.values(), ids=PROXIES.keys())
def test_there_and_back(size, display, expected) -> None:
    motion = motion_of(TRACK, 1, CROP, STILL, size=size, display=display)
    np.testing.assert_allclose(motion.points["nose"][0], expected[2], atol=1e-9)
    back = motion.onto(TRACK)
    assert (back.size, back.display) == (DATA, INSIDE)
    np.testing.assert_allclose(back.points["nose"][0], POINTS[2], atol=1e-9)


def test_points_tracked_on_a_proxy_of_the_display_window_are_imported(tmp_path) -> None:
    proxy, track = save(tmp_path / "proxy.exr", *whole(160, 90)), tmp_path / "a.track.json"
    TRACK.save(track)
    out = run("track", "export", track, "--as", "nuke-tracker", "-o", tmp_path / "a.nk", "--clip", proxy)
    assert out.returncode == 0, out.stderr
    back = run("track", "import", tmp_path / "a.nk", "--track", track, "--clip", proxy)
    assert back.returncode == 0, back.stderr
    np.testing.assert_allclose(Edits.beside(track).edits[0].keys[0], POINTS, atol=1e-4)
    odd = save(tmp_path / "odd.exr", *whole(160, 120))
    refused = run("track", "import", tmp_path / "a.nk", "--track", track, "--clip", odd)
    assert refused.returncode != 0
    assert "found 160 x 120" in refused.stderr


def test_a_node_takes_the_display_window_from_its_clip(tmp_path, tiny_pack, grace_hopper) -> None:
    """EXRs say where it is; the same picture with more overscan or without is swapped at the same place."""
    node = {"pack": tiny_pack, "track": TRACK, "settings": Settings(smoothing=0, gap=0, fade=0, face_choice="all")}
    mattes = []
    for data in (OVERSCAN[0], Window(-60, -50, 460, 300), OVERSCAN[1]):
        with open_clip(save(tmp_path / f"{data.width}.exr", data, OVERSCAN[1])) as clip:
            matte = FaceSwapNode(grace_hopper, clip, **node).render(0).matte
        mattes.append(data.moved(matte, OVERSCAN[1]))
    assert mattes[0].max() > 0.5
    for matte in mattes[1:]:
        np.testing.assert_allclose(matte, mattes[0], atol=1e-3)


def test_a_swap_is_refused_before_its_first_frame(tmp_path, grace_hopper) -> None:
    """Switched off, no frame would ask the track for a face."""
    TRACK.save(tmp_path / "a.track.json")
    odd, out = save(tmp_path / "odd.exr", *whole(160, 120)), tmp_path / "out.exr"
    words = ("swap", odd, "-s", grace_hopper, "-o", out, "--track", tmp_path / "a.track.json", "--no-enable")
    done = run(*words)
    assert "found 160 x 120" in done.stderr
    assert not out.exists()


def ramp(window: Window) -> np.ndarray:
    """A value for each pixel of the plane: so that its place can be read."""
    y, x = np.mgrid[window.y : window.bottom, window.x : window.x + window.width]
    return np.asarray(1 + x / 1000 + y / 100, np.float32)


@pytest.fixture
def plate(tmp_path):
    with open_clip(save(tmp_path / "plate.exr", *OVERSCAN)) as clip:
        yield clip


SAME_SCALE = {
    "the display window": whole(*FORMAT),
    "cropped to what it holds": (Window(30, 20, 100, 60), Window(0, 0, *FORMAT)),
    "as large as the display window": (Window(-20, 10, *FORMAT), Window(0, 0, *FORMAT)),
    "more overscan": (Window(-60, -50, 460, 300), Window(0, 0, *FORMAT)),
    "the plate's": OVERSCAN,
    "all pixels, undeclared": whole(*DATA),
}


@pytest.mark.parametrize("named", [False, True], ids=["picture", "channel"])
@pytest.mark.parametrize(("data", "display"), SAME_SCALE.values(), ids=SAME_SCALE.keys())
def test_a_matte_lies_on_the_display_window(plate, tmp_path, data, display, named) -> None:
    place = save(tmp_path / "matte.exr", data, display, ramp(data), ("core.A",) if named else ("Y",))
    values = open_matte(f"{place}:core.A" if named else str(place), plate, range(1)).at(0)
    there = OVERSCAN[0] if data.size != DATA or display != data else data
    want = data.moved(ramp(data), there)
    assert values.shape == DATA[::-1]
    np.testing.assert_array_equal(values, want)


@pytest.mark.parametrize("scale", [0.5, 2])
@pytest.mark.parametrize("shown", [True, False], ids=["the display window", "all pixels"])
def test_a_matte_of_a_proxy_is_fitted(plate, tmp_path, scale, shown) -> None:
    """A white square keeps its place and its size."""
    size, corner = (FORMAT, (60, 40)) if shown else (DATA, (100, 64))
    drawn = np.zeros((int(size[1] * scale), int(size[0] * scale)), np.float32)
    rows, columns = (slice(int(at * scale), int((at + 40) * scale)) for at in corner[::-1])
    drawn[rows, columns] = 1
    place = save(tmp_path / "matte.exr", *whole(*drawn.shape[::-1]), drawn, ("Y",))
    with pytest.raises(MediaError, match=r"size, 376 x 214 with a display window of 320 x 180; found"):
        open_matte(str(place), plate, range(1))
    values = open_matte(str(place), plate, range(1), fit=True).at(0)
    assert values.shape == DATA[::-1]
    assert values.sum() == pytest.approx(1600, rel=0.05)
    y, x = np.mgrid[: DATA[1], : DATA[0]]
    middle = ((values * x).sum() / values.sum(), (values * y).sum() / values.sum())
    np.testing.assert_allclose(middle, (119.5, 83.5), atol=0.05)


def test_a_matte_of_another_shape_is_refused_even_where_it_may_be_fitted(plate, tmp_path) -> None:
    place = save(tmp_path / "matte.exr", *whole(160, 120), names=("Y",))
    with pytest.raises(MediaError, match=r"376 x 214 with a display window of 320 x 180; found 160 x 120 in"):
        open_matte(str(place), plate, range(1), fit=True)


def test_two_pictures_without_overscan_are_stretched_onto_each_other() -> None:
    found = fit(Extent((100, 50)), Extent((200, 50)))
    assert found is not None
    assert (found.x, found.y, found.right, found.down) == (2, 1, 0, 0)

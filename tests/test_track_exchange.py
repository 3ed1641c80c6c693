"""Tracks to and from other programs, against drawn truth; corrections; tracks of other clips."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from drawn import DrawnClip, MarkerDetector, draw_chart, drawn_frame, landmarks_at, textured
from mobilefaceswap import Frame, Settings
from mobilefaceswap.analyse_clip import analyse_clip, check_clip
from mobilefaceswap.colour import SPACES, ColourSpace
from mobilefaceswap.errors import TrackError, UserInputError
from mobilefaceswap.exchange import FORMATS, motion_of, points_of, read_motion, write_crops, write_maps, write_motion
from mobilefaceswap.exchange.motion import CORNERS, NAMES
from mobilefaceswap.faces import Edit, Edits, Face, Track, followed, load_track
from mobilefaceswap.faces.edits import corrections_beside
from mobilefaceswap.faces.plausible import is_face
from mobilefaceswap.geometry import crop_quad, fit_crop, sample_crop
from mobilefaceswap.media import create_output, open_clip, read_picture
from mobilefaceswap.media.grade import converted
from mobilefaceswap.media.video.source import VideoClip
from mobilefaceswap.packs import TEMPLATES, Crop

SIZE = (320, 180)
CROP = Crop(64, TEMPLATES["arcface-112"], "similarity")
STILL = Settings(smoothing=0, gap=0, fade=0)
FIVE = np.array([[10, 20], [30, 20], [20, 30], [12, 40], [28, 40.0]])


def drawn_track(times=range(100, 106)) -> Track:
    faces = {time: (replace(Face.around(landmarks_at(time - 100)), person=1),) for time in times}
    return Track(SIZE, faces, "drawn")


@pytest.fixture
def motion():
    return motion_of(drawn_track(), 1, CROP, STILL, rate=25)


@pytest.mark.parametrize("kind", [name for name, row in FORMATS.items() if row.read])
@pytest.mark.parametrize("told", [True, False], ids=["told", "recognised"])
def test_what_is_written_is_read_again(motion, tmp_path, kind, told):
    path = tmp_path / f"face{FORMATS[kind].ending}"
    write_motion(path, motion, kind)
    read = read_motion(path, SIZE, kind if told else None)
    points = points_of(read, CROP)
    assert list(points) == list(range(100, 106))
    for time, found in points.items():
        tolerance = 1e-4 if "pin" not in kind else 1.5
        np.testing.assert_allclose(found, landmarks_at(time - 100), atol=tolerance)
    for name in set(read.points) & set(CORNERS):
        for time in read.points[name]:
            np.testing.assert_allclose(read.points[name][time], motion.points[name][time], atol=1e-4)


@pytest.mark.parametrize("between", [",", ";", "\t"], ids=["commas", "semicolons", "tabs"])
@pytest.mark.parametrize("told", [True, False], ids=["told", "recognised"])
def test_a_table_that_a_spreadsheet_has_saved_is_read(motion, tmp_path, told, between):
    """Excel puts a byte order mark before it and ends lines as Windows does; people move and rename columns. Where
    decimals have commas, cells lie between semicolons.
    """
    rows = [line.split(",") for line in FORMATS["csv"].write(motion).splitlines()]
    moved = [[*row[1:], row[0]] for row in rows]
    moved[0] = ['"Left_Eye_X"', " left_eye_y ", *moved[0][2:-1], "Frame"]
    path = tmp_path / "face.csv"
    decimal = "." if between == "," else ","
    lines = (between.join(cell.replace(".", decimal) for cell in row) for row in moved)
    path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    points = points_of(read_motion(path, SIZE, "csv" if told else None), CROP)
    assert list(points) == list(range(100, 106))
    for time, found in points.items():
        np.testing.assert_allclose(found, landmarks_at(time - 100), atol=1e-4)


HEAD = "frame," + ",".join(f"{name}_{axis}" for name in NAMES for axis in "xy")
ROW = ",".join(f"{x:g},{y:g}" for x, y in FIVE)


def read_rows(tmp_path, *rows: str, encoding: str = "utf-8"):
    (tmp_path / "face.csv").write_text("\n".join(rows), encoding)
    return read_motion(tmp_path / "face.csv", SIZE)


def test_comments_and_empty_rows_of_a_table_are_passed_over_and_frames_may_be_decimal(tmp_path):
    """As spreadsheets, pandas and Houdini save them."""
    rows = ["# of take 3; by hand", "", HEAD, f"7.0,{ROW}", ",,,,,,,,,,", '"# a, b",,', f"8,{ROW}", ",,,,,,,,,,", ""]
    read = read_rows(tmp_path, *rows)
    assert list(points_of(read, CROP)) == [7, 8]
    assert read.left_out == 0


def test_a_table_in_utf_16_is_read(tmp_path):
    """Excel's "Unicode text", with a byte order mark and tabs."""
    read = read_rows(tmp_path, HEAD.replace(",", "\t"), f"7,{ROW}".replace(",", "\t"), encoding="utf-16")
    assert list(points_of(read, CROP)) == [7]


def test_rows_of_a_table_without_numbers_are_left_out_and_counted(tmp_path):
    lost = ROW.replace("20", "", 1)
    read = read_rows(tmp_path, HEAD, f"7,{ROW}", "8,,,,,,,,,,", f"9,{lost}", "10", f"11,{ROW}")
    assert (list(points_of(read, CROP)), read.left_out) == ([7, 11], 3)
    assert read.shifted(5).inside(SIZE, None).left_out == 3
    # Corners that nobody has tracked lack in no frame.
    unused = read_rows(tmp_path, f"{HEAD},top_left_x,top_left_y", f"7,{ROW},,")
    assert (list(points_of(unused, CROP)), unused.left_out) == ([7], 0)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"8,{ROW}".replace("20", "nan", 1), "in row 4: .*nan.* no place in the picture"),
        (f"8,{ROW}".replace("20", "inf", 1), "in row 4: .*inf"),
        (f"8,{ROW}".replace("20", "n/a", 1), "in row 4: .*n/a"),
        (f"8.5,{ROW}", "in row 4: .*8.5, between frames; bake"),
        (f",{ROW}", "in row 4: expected a frame number; found ''"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path, row, said):
    with pytest.raises(TrackError, match=rf"face\.csv .*{said}"):
        read_rows(tmp_path, "# comment", HEAD, f"7,{ROW}", row)


def test_a_table_without_any_number_is_refused(tmp_path):
    with pytest.raises(TrackError, match="no numbers"):
        read_rows(tmp_path, HEAD, "7,,,,,,,,,,")


@pytest.mark.parametrize(("row", "said"), [("8 nan 3 1", "nan"), ("8.5 2 3 1", "between frames")])
def test_a_row_of_pftrack_that_cannot_be_read_is_named(tmp_path, row, said):
    (tmp_path / "a.txt").write_text(f'"nose"\n1\n2\n7 1 2 1\n{row}\n')
    with pytest.raises(TrackError, match=rf"a\.txt .*in row 5: .*{said}"):
        read_motion(tmp_path / "a.txt", SIZE)


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "marked"])
def test_a_track_called_frame_is_no_table(tmp_path, mark):
    path = tmp_path / "tracks.txt"
    path.write_text(f'{mark}"frame"\n1\n1\n7 40.5 149.5 1\n', "utf-8")
    assert read_motion(path, SIZE).points == {"left_eye": {7: [40, 30]}}


@pytest.mark.parametrize("text", ["frame,left_eye_x\n1,2,3,4\n", "frame,nose_x,nose_y\n", "frame,a\n1,2\n"])
def test_a_table_without_points_is_refused(tmp_path, text):
    path = tmp_path / "face.csv"
    path.write_text(text)
    with pytest.raises(TrackError, match=r"face\.csv"):
        read_motion(path, SIZE)


def marker() -> tuple[np.ndarray, tuple[int, int]]:
    """A plate with one white pixel: column 40 from the left, row 30 from the top."""
    pixels = np.zeros((180, 320, 3), np.float32)
    pixels[30, 40] = 1
    return pixels, (40, 30)


def test_a_drawn_pixel_is_where_every_program_counts_it(tmp_path):
    """Its centre: 40.5 and 149.5 from the bottom left in Nuke, 40.5 and 30.5 from the top left in After Effects."""
    _, at = marker()
    track = Track(SIZE, {7: (replace(Face.around(np.tile(np.array(at, float), (5, 1)) + FIVE - FIVE[0]), person=1),)})
    motion = motion_of(track, 1, CROP, STILL)
    assert "{curve x7 40.5} {curve x7 149.5}" in FORMATS["nuke-tracker"].write(motion)
    assert f"[7] = {{ {40.5 / 320:.12g}," in FORMATS["fusion-tracker"].write(motion)
    assert f"[7] = {{ {149.5 / 180:.12g}," in FORMATS["fusion-tracker"].write(motion)
    assert "\t7\t40.5\t30.5\t" in FORMATS["after-effects"].write(motion)
    assert "\n7 40.5 149.5 1\n" in FORMATS["pftrack"].write(motion)
    assert FORMATS["csv"].write(motion).splitlines()[1].startswith("7,40.5,149.5,")


def test_motion_for_a_proxy_is_in_its_pixels(motion):
    small = motion_of(drawn_track(), 1, CROP, STILL, size=(160, 90))
    assert small.size == (160, 90)
    for name in (*NAMES, *CORNERS):
        # Pixel corners scale, centres lie half a pixel inside.
        at = (np.array(motion.points[name][103]) + 0.5) / 2 - 0.5
        np.testing.assert_allclose(small.points[name][103], at, atol=0.3)


def test_a_frame_offset_moves_keys_alone(motion):
    shifted = motion.shifted(1001)
    assert shifted.points["nose"][1101] == motion.points["nose"][100]
    assert replace(shifted, points=motion.points) == motion


def keyframes(text: str) -> dict[str, list[list[str]]]:
    """The rows of every property of After Effects keyframe data, and of its head as ""; lines end as on Windows."""
    first, *lines, last, end = text.split("\r\n")
    assert (first, last, end) == ("Adobe After Effects 8.0 Keyframe Data", "End of Keyframe Data", "")
    found: dict[str, list[list[str]]] = {"": []}
    title = ""
    for line in filter(None, lines):
        if not line.startswith("\t"):
            title = line
            found[title] = []
        elif not line.startswith("\tFrame\t"):
            found[title].append(line.removeprefix("\t").removesuffix("\t").split("\t"))
    return found


def test_after_effects_lays_the_layer_s_corner_on_the_composition_s(motion):
    """Effects place pixels in the layer, which otherwise lies in the middle of the composition."""
    found = keyframes(FORMATS["after-effects"].write(motion))
    assert found["Transform\tAnchor Point"] == found["Transform\tPosition"] == [["", "0", "0", "0"]]
    assert dict(found[""])["Units Per Second"] == "25"
    corners = [name for name in found if "Corner Pin #1" in name]
    assert [name.rpartition("\t")[2] for name in corners] == [
        *("Upper Left #2", "Upper Right #3", "Lower Left #4", "Lower Right #5")
    ]
    assert [int(row[0]) for row in found[corners[0]]] == [*range(100, 106)]


def test_pixels_that_are_not_square_are_taken_into_account(tmp_path):
    """The crop lies where the render puts it, in corner pins and in ST maps."""
    wide = motion_of(drawn_track(), 1, CROP, STILL, pixel_aspect=2.0)
    corners = np.array([wide.points[name][103] for name in CORNERS])
    matrix = fit_crop(landmarks_at(3), CROP, 2.0)
    np.testing.assert_allclose(corners, crop_quad(matrix, CROP.size))
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    np.testing.assert_allclose(np.hypot(across[0] * 2, across[1]), np.hypot(down[0] * 2, down[1]))
    assert dict(keyframes(FORMATS["after-effects"].write(wide))[""])["Comp Pixel Aspect Ratio"] == "2"
    write_maps(tmp_path, points_of(wide, CROP), SIZE, CROP, wide.pixel_aspect)
    at = read_picture(tmp_path / "forward.0103.exr").pixels[0, 0, :2] * SIZE
    pixel = corners[0] + (across + down) / CROP.size / 2
    np.testing.assert_allclose((at[0] - 0.5, SIZE[1] - 0.5 - at[1]), pixel, atol=1e-3)


def test_a_nuke_tracker_has_a_row_of_31_columns_for_each_point(motion):
    text = FORMATS["nuke-tracker"].write(motion)
    assert text.count("{") == text.count("}")
    assert "tracks { { 1 31 5 }" in text
    from mobilefaceswap.exchange import nuke

    ((_, knobs),) = [found for found in nuke._nodes(text) if found[0] == "Tracker4"]
    header, columns, rows = knobs["tracks"]
    assert header == ["1", "31", "5"]
    assert (len(columns), [len(row) for row in rows]) == (31, [31] * 5)
    assert [row[1] for row in rows] == list(NAMES)


def test_a_corner_pin_puts_the_crop_on_the_plate(motion):
    """As Nuke does it: from the square of the crop to the four corners, in its own count."""
    from mobilefaceswap.exchange import nuke

    ((_, knobs),) = [
        found for found in nuke._nodes(FORMATS["nuke-cornerpin"].write(motion)) if found[0] == "CornerPin2D"
    ]
    start = np.array([[float(word) for word in knobs[f"from{n}"]] for n in range(1, 5)], np.float32)
    to = np.array([[nuke._curve(curve)[102] for curve in knobs[f"to{n}"]] for n in range(1, 5)], np.float32)
    pin = cv2.getPerspectiveTransform(start, to)
    nose = TEMPLATES["arcface-112"].on(64)[2]
    placed = cv2.perspectiveTransform(np.array([[[nose[0] + 0.5, 64 - 0.5 - nose[1]]]]), pin)[0, 0]
    np.testing.assert_allclose((placed[0] - 0.5, 180 - 0.5 - placed[1]), landmarks_at(2)[2], atol=1.5)


def test_curves_as_nuke_writes_them_are_understood(tmp_path):
    """A value without a frame is the next frame's; comments, other nodes and other knobs are passed over."""
    rows = "\n".join(
        f' {{ {{curve K x5 1}} "track {n}" {{curve x5 {n} {n + 10} x9 30}} {{curve i x5 100 101 x9 102}} 0 0 }}'
        for n in range(1, 6)
    )
    text = (
        "#! nuke\nversion 14.0 v1\nBlur {\n size 3\n}\nTracker4 {\n tracks { { 1 6 5 }\n"
        f"{{ {{ 5 1 20 enable e 1 }} }}\n{{\n{rows}\n}}\n}}\n}}\n"
    )
    (tmp_path / "a.nk").write_text(text)
    points = points_of(read_motion(tmp_path / "a.nk", SIZE), CROP)
    assert list(points) == [5, 6, 9]
    np.testing.assert_allclose(points[6][0], (11 - 0.5, 180 - 0.5 - 101))
    np.testing.assert_allclose(points[9][4], (29.5, 77.5))


@pytest.mark.parametrize("keys", ["x1001.5 10 11 12", "x1 10 x1.5 11 x2 12 13"])
def test_keys_between_frames_are_refused(tmp_path, keys):
    corners = "\n".join(f" to{number} {{{{curve {keys}}} {{curve {keys}}}}}" for number in range(1, 5))
    (tmp_path / "pin.nk").write_text(f"CornerPin2D {{\n{corners}\n}}\n")
    with pytest.raises(TrackError, match=r"at frame \d+\.5, between frames; bake the animation first"):
        read_motion(tmp_path / "pin.nk", SIZE)


def test_keys_between_frames_are_refused_in_fusion(motion, tmp_path):
    text = FORMATS["fusion-tracker"].write(motion).replace("[103] =", "[103.5] =")
    (tmp_path / "face.setting").write_text(text)
    with pytest.raises(TrackError, match=r"at frame 103\.5, between frames; bake the animation first"):
        read_motion(tmp_path / "face.setting", SIZE)


@pytest.mark.parametrize("kind", ["fusion-tracker", "fusion-cornerpin"])
def test_paths_that_fusion_has_renamed_on_a_second_paste_are_followed(motion, tmp_path, kind):
    text = re.sub(r"\b(Face\w+)\b", r"\1_1", FORMATS[kind].write(motion))
    assert "PathX_1 = BezierSpline" in text
    (tmp_path / "face.setting").write_text(text)
    points = points_of(read_motion(tmp_path / "face.setting", SIZE), CROP)
    assert list(points) == list(range(100, 106))
    np.testing.assert_allclose(points[103], landmarks_at(3), atol=1e-4 if kind == "fusion-tracker" else 1.5)


def test_pftrack_with_commas_and_without_a_clip_s_number(tmp_path):
    tracks = [f'"Auto{n}"\n2\n3, {n}.5, 100.5, 0.98\n4, {n + 1}.5, 101.5, 0.97\n' for n in range(5)]
    (tmp_path / "a.txt").write_text("# PFTrack\n" + "\n".join(tracks))
    points = points_of(read_motion(tmp_path / "a.txt", SIZE), CROP)
    np.testing.assert_allclose(points[4], [[n + 1, 78] for n in range(5)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "frame,x\n1,2\n",
        "Tracker4 {\n}\n",
        "CornerPin2D {\n to1 {{curve x1 2} {curve x2 2}}\n}\n",
        "{ Tools = ordered() { } }",
    ],
)
def test_files_without_tracks_are_refused(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(TrackError):
        points_of(read_motion(tmp_path / "a.txt", SIZE), CROP)


@pytest.mark.parametrize("content", [b"Tracker4 \x80", b"\xff\xfe\x00\xdc"], ids=["no mark", "marked as UTF-16"])
def test_bytes_that_are_no_text_are_refused(tmp_path, content):
    (tmp_path / "a.nk").write_bytes(content)
    with pytest.raises(UserInputError, match="text file"):
        read_motion(tmp_path / "a.nk", SIZE)


def looked_up(source: np.ndarray, found: np.ndarray) -> np.ndarray:
    """What Nuke's STMap makes of ``source``: sampled at R and G, from the bottom left, pixel centres at halves."""
    height, width = source.shape[:2]
    x = (found[..., 0] * width - 0.5).astype(np.float32)
    y = ((1 - found[..., 1]) * height - 0.5).astype(np.float32)
    return cv2.remap(source, x, y, cv2.INTER_LINEAR)


def test_st_maps_take_the_plate_to_the_crop_and_back(tmp_path, motion):
    points = points_of(motion, CROP)
    write_maps(tmp_path, points, SIZE, CROP)
    plate = drawn_frame(3)
    forward, inverse = (read_picture(tmp_path / f"{name}.0103.exr").pixels for name in ("forward", "inverse"))
    assert forward.shape == (64, 64, 4)
    assert inverse.shape == (180, 320, 4)
    # Blender's Map UV takes the third channel for opacity.
    assert forward[..., 2].all()
    np.testing.assert_array_equal(inverse[..., 2], inverse[..., 3])
    crop = looked_up(plate.rgb, forward)
    smooth = cv2.GaussianBlur(sample_crop(plate.rgb, fit_crop(points[103], CROP), 64), None, 2)
    assert np.abs(cv2.GaussianBlur(crop, None, 2) - smooth).mean() < 0.01
    back = looked_up(crop, inverse)
    inside = cv2.erode(inverse[..., 3], np.ones((9, 9))) > 0
    assert 500 < inside.sum() < 180 * 320 / 2
    blurred = cv2.GaussianBlur(plate.rgb, None, 2)
    assert np.abs(cv2.GaussianBlur(back, None, 2) - blurred)[inside].mean() < 0.03


def test_crops_come_with_matrices_that_hold_in_nuke_s_count(tmp_path):
    clip = DrawnClip()
    track = Track(SIZE, {time: (replace(Face.around(landmarks_at(time)), person=1),) for time in (2, 3)})
    points = points_of(motion_of(track, 1, CROP, STILL), CROP)
    write_crops(tmp_path, clip, points, CROP)
    document = json.loads((tmp_path / "matrices.json").read_text())
    assert document["plate"] == [320, 180]
    matrix = np.array(document["frames"]["3"]["plate_to_crop"])
    x, y = landmarks_at(3)[2]
    found = matrix @ (x + 0.5, 179.5 - y, 1)
    nose = TEMPLATES["arcface-112"].on(64)[2]
    np.testing.assert_allclose(found[:2], (nose[0] + 0.5, 63.5 - nose[1]), atol=1.5)
    np.testing.assert_allclose(matrix @ np.array(document["frames"]["3"]["crop_to_plate"]), np.eye(3), atol=1e-9)
    crop = read_picture(tmp_path / "crop.0003.exr")
    plate = clip.frame(3)
    cut = sample_crop(plate.pixels, fit_crop(points[3], CROP), 64)
    assert document["colour_space"] == "linear-rec709"
    assert crop.colour_space == ColourSpace.LINEAR
    np.testing.assert_allclose(crop.rgb, converted(cut, plate.colour_space, ColourSpace.LINEAR), atol=1e-5)


@pytest.mark.parametrize("name", ["linear-rec709", "acescg", "linear-rec2020"])
def test_crops_of_a_linear_plate_keep_its_numbers_and_say_its_primaries(tmp_path, name):
    class Linear(DrawnClip):
        def frame(self, time: int) -> Frame:
            return replace(super().frame(time), colour_space=SPACES[name])

    points = points_of(motion_of(drawn_track(), 1, CROP, STILL), CROP)
    write_crops(tmp_path, Linear(), {3: points[103]}, CROP, frame_offset=1001)
    assert {path.name for path in tmp_path.iterdir()} == {"crop.1004.exr", "matrices.json"}
    assert set(json.loads((tmp_path / "matrices.json").read_text())["frames"]) == {"1004"}
    crop = read_picture(tmp_path / "crop.1004.exr")
    assert crop.colour_space == SPACES[name]
    cut = sample_crop(drawn_frame(3).pixels, fit_crop(points[103], CROP), 64)
    np.testing.assert_allclose(crop.rgb, cut, atol=1e-6)


def test_a_person_who_is_not_in_the_track_is_refused():
    with pytest.raises(TrackError, match=r"person 4.*\[1\]"):
        motion_of(drawn_track(), 4, CROP, STILL)


def edited(*edits: Edit, track: Track | None = None) -> Track:
    return Edits(edits).applied(track or drawn_track())


def test_a_correction_changes_its_frames_and_its_person_alone():
    other = replace(Face.around(FIVE + 200), person=2)
    track = replace(drawn_track(), frames={time: (*faces, other) for time, faces in drawn_track().frames.items()})
    moved = edited(Edit(102, 103, 1, move=(5, -3)), track=track)
    for time, faces in track.frames.items():
        after = {face.person: face for face in moved.frames[time]}
        shift = (5, -3) if time in (102, 103) else (0, 0)
        np.testing.assert_allclose(after[1].landmarks, faces[0].landmarks + shift, atol=1e-9)
        np.testing.assert_allclose(after[1].centre, faces[0].centre + shift, atol=1e-9)
        np.testing.assert_array_equal(after[2].landmarks, other.landmarks)
        assert not after[1].edited, "it is as it was found, but elsewhere"
        assert not after[2].edited


def test_a_face_is_taken_away_put_in_given_to_another_and_moved_along():
    gone = edited(Edit(101, 102, 1, off=True), Edit(103, 103, 2, off=True))
    for radius in (0, 3):
        seen = [followed(gone.timeline(SIZE), time, smoothing=radius, gap=radius, fade=radius) for time in gone.frames]
        assert [len(faces) for faces in seen] == [1, 0, 0, 1, 1, 1]
        assert {face.presence for faces in seen for face in faces} == {1}
    (face,) = edited(Edit(101, 101, 3, points=FIVE)).frames[101][:1]
    assert (face.person, face.edited) == (3, True)
    np.testing.assert_array_equal(face.landmarks, FIVE)
    assert edited(Edit(100, 105, 1, another=9)).frames[104][0].person == 9
    along = edited(Edit(100, 104, 1, points=FIVE, to=FIVE + 8))
    np.testing.assert_allclose(along.frames[101][0].landmarks, FIVE + 2)
    np.testing.assert_allclose(along.frames[104][0].landmarks, FIVE + 8)


def of_two(*edits: Edit) -> Track:
    """Persons 1 and 2, corrected; 2 is lost on frame 105."""
    other = replace(Face.around(FIVE + 200), person=2)
    both = {time: (*faces, *([other] if time < 105 else [])) for time, faces in drawn_track().frames.items()}
    return edited(*edits, track=replace(drawn_track(), frames=both))


def ids(track: Track) -> dict[int, list[int]]:
    """From left to right."""
    return {time: [face.person for face in faces] for time, faces in track.frames.items()}


def test_two_people_exchange_their_ids_by_one_correction_and_one_alone_is_renamed():
    found = ids(of_two(Edit(103, 105, 1, another=2)))
    assert found == {100: [1, 2], 101: [1, 2], 102: [1, 2], 103: [2, 1], 104: [2, 1], 105: [2]}
    other_way = of_two(Edit(103, 105, 2, another=1))
    assert ids(other_way)[105] == [1], "only where the face stands that is renamed"
    # What was done before there was an exchange still does the same.
    by_a_third = of_two(Edit(103, 104, 1, another=77), Edit(103, 104, 2, another=1), Edit(103, 104, 77, another=2))
    assert ids(by_a_third) == {**found, 105: [1]}


def test_nobody_known_is_exchanged_with_no_one():
    strangers = [Face.around(FIVE + 80), Face.around(FIVE + 240)]
    frames = {time: (*faces, *strangers) for time, faces in of_two().frames.items()}
    track = replace(drawn_track(), frames=frames)
    unknown = edited(Edit(103, 104, 2, another=0), track=track)
    assert [sorted(people) for people in ids(unknown).values()] == [
        *[[0, 0, 1, 2]] * 3,
        *[[0, 0, 0, 1]] * 2,
        [0, 0, 1],
    ]
    assert str(Edit(103, 104, 2, another=0)) == "frames 103-104, person 2: is person 0"


def test_what_is_exchanged_is_one_face_for_a_swap_and_an_export():
    track = of_two(Edit(102, 104, 1, another=2))
    timeline = track.timeline(SIZE)
    for time in track.frames:
        people = [face.person for face in followed(timeline, time, smoothing=0, gap=0, fade=0)]
        assert len(set(people)) == len(people)


def test_a_move_goes_with_the_face_that_gets_another_id():
    moved = of_two(Edit(101, 102, 1, move=(7, 0)), Edit(102, 102, 1, another=2), Edit(102, 102, 1, off=True))
    (face,) = followed(moved.timeline(SIZE), 102, smoothing=0, gap=0, fade=0)
    assert face.person == 2
    np.testing.assert_allclose(face.landmarks, landmarks_at(2) + (7, 0), atol=1e-9)


def test_a_correction_that_exchanges_back_is_refused():
    track, first = of_two(), Edit(103, 104, 1, another=2)
    made = Edits().joined(first, track)
    with pytest.raises(TrackError, match=r"undoes correction 1, frames 103-104, person 1.*--undo"):
        made.joined(Edit(103, 104, 2, another=1), track)
    assert len(made.joined(Edit(103, 103, 2, another=1), track).edits) == 2
    later = made.joined(Edit(103, 104, 1, move=(1, 0)), track)
    with pytest.raises(TrackError, match=r"undoes correction 1, .*: leave this one out$"):
        later.joined(Edit(103, 104, 2, another=1), track)
    with pytest.raises(TrackError, match="another person than 1"):
        made.joined(Edit(103, 104, 1, another=1), track)


@pytest.mark.parametrize("radius", [0, 3])
def test_a_face_that_looks_like_none_is_swapped_where_it_is_moved(radius):
    """As the points of a profile lie: from eye to eye as far as from a corner of the mouth to the other."""
    profile = np.array([[40, 50], [42, 50], [55, 65], [43, 82], [44, 82.0]])
    track = replace(drawn_track(), frames=dict.fromkeys(range(100, 106), (replace(Face.around(profile), person=1),)))
    timeline = edited(Edit(102, 103, 1, move=(3, 0)), track=track).timeline(SIZE)
    for time in track.frames:
        (face,) = followed(timeline, time, smoothing=radius, gap=radius, fade=radius)
        assert is_face(face, 1.0) is (time in (102, 103))


@pytest.mark.parametrize("lost", [(), (104,)], ids=["found", "lost within"])
@pytest.mark.parametrize("scale", [1, 2], ids=["plate", "proxy"])
def test_a_moved_face_is_steadied_as_before_and_steadies_as_before(lost, scale):
    """The move is added to what is swapped without it, on its frames alone, lost ones that are filled in too."""
    noise = np.random.default_rng(4).normal(0, 0.3, (12, 5, 2))
    faces = {time: (replace(Face.around(FIVE + (10, 5) + noise[time - 100]), person=1),) for time in range(100, 112)}
    track = replace(drawn_track(), frames={**faces, **dict.fromkeys(lost, ())})
    settings = {"smoothing": 3, "gap": 2, "fade": 2}
    size = SIZE[0] // scale, SIZE[1] // scale
    plain, moved = (one.timeline(size) for one in (track, edited(Edit(103, 106, 1, move=(20, -4)), track=track)))
    for time in track.frames:
        (before,), (after,) = (followed(timeline, time, **settings) for timeline in (plain, moved))
        shift = np.array((20, -4) if 103 <= time <= 106 else (0, 0)) / scale
        np.testing.assert_allclose(after.landmarks, before.landmarks + shift, atol=1e-9)
        np.testing.assert_allclose(after.middle, before.middle + shift, atol=1e-9)


def test_points_that_are_moved_later_stay_as_placed():
    track = edited(Edit(102, 102, 1, points=FIVE), Edit(102, 102, 1, move=(1, 0)), Edit(102, 102, 1, move=(0, 2)))
    found = motion_of(track, 1, CROP, Settings(smoothing=4))
    np.testing.assert_allclose([found.points[name][102] for name in NAMES], FIVE + (1, 2), atol=1e-9)
    again = edited(Edit(102, 102, 1, move=(9, 9)), Edit(102, 102, 1, points=FIVE))
    np.testing.assert_array_equal(again.frames[102][0].landmarks, FIVE)


def test_an_import_is_one_correction_and_replaces_an_earlier_one_where_both_have_points(tmp_path):
    path, track = tmp_path / "shot.track.json", drawn_track()
    track.save(path)
    first = Edit.imported(1, dict.fromkeys(range(100, 105), FIVE))
    other, by_hand = Edit.imported(2, {103: FIVE + 50}), Edit(103, 103, 1, points=FIVE + 1)
    made = Edits.beside(path)
    for edit in (first, other, by_hand):
        made = made.joined(edit, track)
    made.joined(Edit.imported(1, dict.fromkeys((103, 105), FIVE + 9)), track).save(path)
    read = Edits.beside(path)
    assert [list(edit.keys or ()) for edit in read.edits] == [[100, 101, 102, 104], [103], [], [103, 105]]
    applied = {time: {face.person: face for face in faces} for time, faces in load_track(path).frames.items()}
    for time, shift in {100: 0, 102: 0, 103: 9, 104: 0, 105: 9}.items():
        np.testing.assert_array_equal(applied[time][1].landmarks, FIVE + shift)
    np.testing.assert_array_equal(applied[103][2].landmarks, FIVE + 50)
    assert len(made.joined(first, track).edits) == 3, "the earlier one has nothing left"


def test_corrections_are_told_in_words():
    assert [str(edit) for edit in EVERY_KIND] == [
        "frames 40-52, person 1: off",
        "frame 60, person 2: moved by 3,-2.5",
        "frames 90-99, person 1: is person 2; where both are seen, they exchange ids",
        "frame 70, person 1: points placed",
        "frames 70-72, person 1: points placed, on their way to others",
        "frames 5-9, person 1: points imported on 2 of them",
        "frame 5, person 1: points imported",
    ]
    for edit in EVERY_KIND:
        back = Edit.from_named(json.loads(json.dumps(edit.named())))
        assert (str(back), back.named()) == (str(edit), edit.named())


EVERY_KIND = [
    Edit(40, 52, 1, off=True),
    Edit(60, 60, 2, move=(3, -2.5)),
    Edit(90, 99, 1, another=2),
    Edit(70, 70, 1, points=FIVE),
    Edit(70, 72, 1, points=FIVE, to=FIVE + 1),
    Edit.imported(1, {5: FIVE, 9: FIVE}),
    Edit.imported(1, {5: FIVE}),
]
MIRRORED = {
    "left and right": (FIVE[[1, 0, 2, 4, 3]], "left is the viewer's left"),
    "y": (FIVE * (1, -1) + (0, 180), "y from the bottom"),
}


@pytest.mark.parametrize(("points", "said"), MIRRORED.values(), ids=MIRRORED.keys())
@pytest.mark.parametrize("squeezed", [1, 2], ids=["square", "anamorphic"])
def test_points_of_a_face_in_a_mirror_are_refused_with_what_was_mixed_up(points, said, squeezed):
    points = points / (squeezed, 1)
    for edit in (Edit(100, 100, 1, points=points), Edit.imported(1, {100: points, 101: points, 102: FIVE})):
        with pytest.raises(TrackError, match=said):
            edit.check(drawn_track())
    Edit.imported(1, {100: points, 101: FIVE}).check(drawn_track())


def test_points_of_a_profile_or_a_head_upside_down_are_taken():
    profile = np.array([[18, 20], [20, 20], [8, 30], [14, 40], [16, 40.0]])
    for points in (profile, 60 - FIVE):
        Edit(100, 100, 1, points=points).check(drawn_track())


def test_points_an_artist_has_placed_are_not_smoothed():
    track = edited(Edit(102, 102, 1, points=FIVE))
    found = motion_of(track, 1, CROP, Settings(smoothing=4))
    np.testing.assert_array_equal([found.points[name][102] for name in NAMES], FIVE)


@pytest.mark.parametrize(
    "wrong",
    [
        *({}, {"off": True, "move": (1, 2)}, {"points": FIVE[:4]}, {"off": True, "to": FIVE}),
        *({"points": FIVE * np.nan}, {"points": FIVE, "to": FIVE * np.inf}, {"points": FIVE * 0}),
        *({"move": (np.nan, 0)}, {"move": (0, np.inf)}, {"move": (1, 2, 3)}),
    ],
)
def test_a_correction_that_says_nothing_or_two_things_is_refused(wrong):
    with pytest.raises(TrackError, match="expected one of"):
        Edit(1, 2, 1, **wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Edit(900, 910, 1, off=True), "frames of the track, 6 from 100 to 105; found 900 to 910"),
        (Edit(900, 910, 7, points=FIVE), "found 900 to 910"),
        (Edit(100, 105, 7, move=(3, 0)), "a person of the track, 1, 2; found 7"),
        (Edit(100, 105, 7, off=True), "found 7"),
        (Edit(100, 103, 2, move=(3, 0)), "frames with person 2, 2 from 104 to 105; found 100 to 103"),
        (Edit(100, 103, 2, another=1), "found 100 to 103"),
    ],
)
def test_a_correction_that_changes_nothing_in_the_track_is_refused(wrong, said):
    second = replace(Face.around(FIVE + 200), person=2)
    frames = {time: (*faces, second) if time > 103 else faces for time, faces in drawn_track().frames.items()}
    track = replace(drawn_track(), frames=frames)
    with pytest.raises(TrackError) as refused:
        wrong.check(track)
    assert said in str(refused.value)
    Edit(90, 104, 2, move=(3, 0)).check(track)
    # Nothing is filled in where a known person is off, and points put somebody in whom nobody has found.
    Edit(100, 103, 2, off=True).check(track)
    Edit(100, 103, 7, points=FIVE).check(track)
    Edit(100, 103, 9, move=(1, 1)).check(edited(Edit(100, 105, 1, another=9), track=track))
    with pytest.raises(TrackError, match="which has none; found 1"):
        Edit(100, 100, 1, off=True).check(replace(track, frames={100: ()}))


def test_corrections_lie_beside_the_track_which_stays_as_it_is(tmp_path):
    path = tmp_path / "shot.track.json"
    drawn_track().save(path)
    before = path.read_bytes()
    made = (Edit(102, 103, 1, move=(5, -3)), Edit(104, 105, 1, points=FIVE, to=FIVE + 1), Edit(100, 100, 1, off=True))
    place = replace(Edits.beside(path), edits=made).save(path)
    assert place == tmp_path / "shot.track.edits.json"
    assert path.read_bytes() == before
    read = load_track(path)
    for time, faces in edited(*made).frames.items():
        assert [face.row().tolist() for face in read.frames[time]] == [face.row().tolist() for face in faces]
    replace(drawn_track(), clip="analysed again").save(path)
    with pytest.raises(TrackError, match=r"analysed again since.*Remove the file") as refused:
        load_track(path)
    assert "--force-track" not in str(refused.value), "it is an option of few commands"
    with pytest.raises(TrackError, match=r"analysed again since.*--force-track"):
        load_track(path, force=False)
    assert load_track(path, force=True).frames[100][0].presence == 0
    place.write_text("{}")
    with pytest.raises(TrackError, match=r"edits\.json.*Remove it, or restore it"):
        load_track(path)
    place.write_text('{"format": "mobilefaceswap-track-edits", "version": 2}')
    with pytest.raises(TrackError, match=r"version 2\. Update the program"):
        load_track(path)


def test_corrections_that_were_all_taken_back_do_not_hinder_another_analysis(tmp_path):
    path = tmp_path / "shot.track.json"
    drawn_track().save(path)
    Edits.beside(path).save(path)
    replace(drawn_track(), clip="analysed again").save(path)
    assert ids(load_track(path)) == ids(drawn_track())
    made = Edits.beside(path).joined(Edit(102, 103, 1, off=True), drawn_track())
    made.save(path)
    assert load_track(path).frames[103][0].presence == 0, "what is made next is the new track's"


def test_corrections_and_tracks_that_an_editor_has_saved_with_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "shot.track.json"
    drawn_track().save(path)
    path.write_text(path.read_text("utf-8"), "utf-8-sig")
    place = replace(Edits.beside(path), edits=(Edit(102, 103, 1, off=True),)).save(path)
    place.write_text(place.read_text("utf-8"), "utf-8-sig")
    assert load_track(path).frames[103][0].presence == 0


def test_corrections_beside_a_place_are_counted_whether_a_track_is_there_or_not(tmp_path):
    path = tmp_path / "shot.track.json"
    assert corrections_beside(path) == 0
    drawn_track().save(path)
    replace(Edits.beside(path), edits=tuple(EVERY_KIND)).save(path)
    path.unlink()
    assert corrections_beside(path) == len(EVERY_KIND)


def test_a_track_of_another_clip_is_told_by_its_first_and_last_plate(tiny_pack):
    class Other(DrawnClip):
        def frame(self, time: int) -> Frame:
            pixels = textured()
            draw_chart(pixels, landmarks_at(time + 1))
            return Frame(pixels)

    class Short(DrawnClip):
        last = 20

    track = analyse_clip(DrawnClip(), tiny_pack, MarkerDetector(), Settings(), name="a.mov")
    check_clip(track, DrawnClip(), "a.mov")
    for clip in (Other(), Short()):
        with pytest.raises(TrackError, match=r"b\.mov.*a\.mov.*--force-track"):
            check_clip(track, clip, "b.mov")
    check_clip(replace(track, hashes={}), Other(), "of version 1")


def test_a_clip_is_told_without_decoding_it(tiny_pack, tmp_path, monkeypatch):
    with create_output(tmp_path / "long.mp4") as writer:
        for time in range(24):
            writer.write(time, DrawnClip().frame(time).pixels)
    with open_clip(tmp_path / "long.mp4") as clip:
        track = analyse_clip(clip, tiny_pack, MarkerDetector(), Settings(), range(3, 20))
        assert set(track.hashes) == {3, 19}
        track = analyse_clip(clip, tiny_pack, MarkerDetector(), Settings())
        assert set(track.hashes) == {0, 23}
    decoded, keep = [], VideoClip._keep
    monkeypatch.setattr(VideoClip, "_keep", lambda clip, picture: decoded.append(keep(clip, picture)))
    with open_clip(tmp_path / "long.mp4") as clip:
        check_clip(track, clip, "long.mp4")
        assert len(decoded) <= 2
        with pytest.raises(TrackError, match="frame 0 differs"):
            check_clip(replace(track, hashes={0: "other", 23: track.hashes[23]}), clip, "long.mp4")
        with pytest.raises(TrackError, match="frame 24 differs or is missing"):
            check_clip(replace(track, hashes={**track.hashes, 24: "more"}), clip, "long.mp4")


def test_progress_is_told_frame_by_frame(tiny_pack):
    told, shown = [], []

    class Watched(DrawnClip):
        def frame(self, time):
            shown.append(len(told))
            return super().frame(time)

    analyse_clip(Watched(), tiny_pack, MarkerDetector(), Settings(), range(3, 20), progress=told.append)
    assert told == [*range(3, 20)]
    assert shown[-1] > 0

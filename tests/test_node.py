"""The node on drawn frames: any order gives the same pixels, caches skip what did not change, layers agree."""

from __future__ import annotations

import random
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from drawn import DrawnClip, EmptyAlpha, MarkerDetector, drawn_frame, drawn_people, textured
from mobilefaceswap import frame
from mobilefaceswap.analyse_clip import analyse_clip
from mobilefaceswap.cache import RenderCache
from mobilefaceswap.errors import IdentityFileError, PackNotFoundError, SettingsError, UserInputError
from mobilefaceswap.faces import Face, Track
from mobilefaceswap.frame import ColourSpace, Frame, Hashed, all_finite
from mobilefaceswap.identity import Identity, picture_files, prepare_identity
from mobilefaceswap.node import FaceSwapNode
from mobilefaceswap.node import node as node_module
from mobilefaceswap.settings import OUTPUTS, Settings

TIMES = list(range(0, 24, 3))


def fresh(pack, identity, **more) -> FaceSwapNode:
    """A node that keeps nothing between frames."""
    more = {"target": DrawnClip(), "faces": MarkerDetector(), "cache": RenderCache(memory=0)} | more
    return FaceSwapNode(identity, pack=pack, **more)


def pixels(result) -> bytes:
    return result.composite.tobytes() + result.face.tobytes() + result.matte.tobytes()


def test_a_frame_is_swapped(node):
    result = node.render(5)
    plate = node.target.frame(5).pixels
    assert (len(result.faces), len(result.swapped)) == (1, 1)
    assert np.abs(result.composite - plate).max() > 0.05
    assert result.matte.max() > 0.95
    assert result.composite.dtype == np.float32


def test_a_frame_is_asked_for_by_a_whole_number(node):
    for time in (3.0, 3.5, None, "3"):
        with pytest.raises(UserInputError, match="expected a whole number as the frame"):
            node.render(time)
    assert pixels(node.render(np.int64(3))) == pixels(node.render(3))


def test_a_target_that_returns_no_frame_and_an_unknown_layer_are_named(tiny_pack, tiny_identity, node):
    class Bare:
        first, last = 0, 9

        def frame(self, time):
            return drawn_frame(time).pixels

    with pytest.raises(UserInputError, match=r"expected the target's frame\(3\) to be a Frame; found ndarray"):
        fresh(tiny_pack, tiny_identity, target=Bare()).render(3)
    with pytest.raises(UserInputError, match=r"expected one of composite, .*; found 'bogus'"):
        node.render(3).layer("bogus")


@pytest.mark.parametrize("order", ["forward", "reverse", "random", "threads", "batches"])
def test_order_does_not_matter_without_caches(tiny_pack, tiny_identity, order):
    expected = {time: pixels(fresh(tiny_pack, tiny_identity).render(time)) for time in TIMES}
    one = fresh(tiny_pack, tiny_identity, settings=Settings(smoothing=2))
    smooth = {time: pixels(fresh(tiny_pack, tiny_identity, settings=one.settings).render(time)) for time in TIMES}
    plain = fresh(tiny_pack, tiny_identity)
    times = {"reverse": TIMES[::-1], "random": random.Random(3).sample(TIMES, len(TIMES))}.get(order, TIMES)
    for node, truth in ((plain, expected), (one, smooth)):
        if order == "threads":
            with ThreadPoolExecutor(4) as pool:
                results = list(pool.map(node.render, times))
        elif order == "batches":
            results = [
                result for start in range(0, len(times), 4) for result in node.render_batch(times[start : start + 4])
            ]
        else:
            results = [node.render(time) for time in times]
        assert [pixels(result) for result in results] == [truth[time] for time in times]


def test_the_order_test_notices_state_kept_between_frames(tiny_pack, tiny_identity, monkeypatch):
    node = fresh(tiny_pack, tiny_identity)
    expected = [pixels(node.render(time)) for time in TIMES]
    kept = {}
    original = node_module.aligned

    def leaking(*arguments):
        target = original(*arguments)
        mixed = (target.crop + kept.get("crop", target.crop)) / 2
        kept["crop"] = target.crop
        object.__setattr__(target, "crop", mixed)
        return target

    monkeypatch.setattr(node_module, "aligned", leaking)
    assert [pixels(node.render(time)) for time in TIMES[::-1]][::-1] != expected


def test_a_plate_handed_in_gives_the_pixels_and_cache_hits_of_one_pulled(node):
    pulled = node.render(4)
    counted = dict(node.cache.counts.computed)
    handed = node.render(4, plate=drawn_frame(4))
    assert pixels(handed) == pixels(pulled)
    assert node.cache.counts.computed == counted


def test_a_matte_change_makes_nothing_but_the_matte(node, tiny_pack, tiny_identity):
    before = node.render(4)
    counted, searches = dict(node.cache.counts.computed), node._kit.detector.calls
    changed = Settings(matte_expand=6, matte_feather=1, mix=0.8)
    after = node.render(4, changed)
    assert pixels(after) == pixels(fresh(tiny_pack, tiny_identity).render(4, changed))
    assert pixels(before) != pixels(after)
    assert node.cache.counts.computed == counted | {"matte": counted["matte"] + 1}
    assert node._kit.detector.calls == searches


@pytest.mark.parametrize("changed", [{"matte_expand": 6}, {"colour_match": 0.2}])
def test_a_control_on_a_premultiplied_plate_makes_no_straight_picture(node, monkeypatch, changed):
    plate = drawn_frame(4, channels=4, premultiplied=True)
    before = node.render(4, plate=plate)
    made, original = [], frame.unpremultiplied

    def counted(pixels):
        made.append(pixels.shape)
        return original(pixels)

    monkeypatch.setattr(frame, "unpremultiplied", counted)
    after = node.render(4, Settings(**changed), plate)
    assert pixels(before) != pixels(after)
    assert not made


def test_a_part_of_a_straight_picture_is_that_of_the_whole():
    plate = drawn_frame(4, channels=4, premultiplied=True)
    plate.pixels[:40, :50, 3] = np.linspace(0, 1, 50, dtype=np.float32)
    box = np.s_[20:70, 30:90]
    part, whole = plate.straight().part(box), plate.straight()
    opacity = plate.alpha[..., None]
    expected = np.divide(plate.rgb, opacity, out=np.zeros_like(plate.rgb), where=opacity > 0)
    np.testing.assert_array_equal(whole.pixels, np.dstack([expected, plate.alpha]))
    np.testing.assert_array_equal(part, whole.pixels[box])
    assert (whole.size, whole.channels, whole.premultiplied) == (plate.size, 4, False)
    assert whole.declared(ColourSpace.LINEAR).colour_space is ColourSpace.LINEAR


@pytest.mark.parametrize("changed", [{"plate_detail": 0.1}, {"colour_match": 0.2}])
def test_a_colour_change_runs_neither_detector_nor_network(node, tiny_pack, tiny_identity, changed):
    before = node.render(4)
    counted = dict(node.cache.counts.computed)
    after = node.render(4, Settings(**changed))
    assert pixels(before) != pixels(after)
    assert pixels(after) == pixels(fresh(tiny_pack, tiny_identity).render(4, Settings(**changed)))
    assert node.cache.counts.computed == counted | {"colour": counted["colour"] + 1}


def test_a_source_change_searches_nothing_again(node, tiny_pack, tiny_identity):
    node.render(4)
    other = Identity(
        {name: 0.9 * array for name, array in tiny_identity.weights.items()},
        tiny_identity.embedding,
        tiny_identity.pack_name,
        tiny_identity.pack_hash,
        tiny_identity.thumbnail,
    )
    second = FaceSwapNode(other, DrawnClip(), pack=tiny_pack, faces=node._kit.detector, cache=node.cache)
    searches = node._kit.detector.calls
    assert pixels(second.render(4)) != pixels(node.render(4))
    assert node._kit.detector.calls == searches


def test_caches_do_not_change_pixels(node, tiny_pack, tiny_identity, tmp_path):
    bare = pixels(fresh(tiny_pack, tiny_identity).render(7))
    stored = RenderCache(memory=0, folder=tmp_path)
    first = fresh(tiny_pack, tiny_identity, cache=stored).render(7)
    second = fresh(tiny_pack, tiny_identity, cache=RenderCache(memory=0, folder=tmp_path)).render(7)
    assert bare == pixels(node.render(7)) == pixels(first) == pixels(second)


@pytest.mark.parametrize(
    "declared",
    [
        {},
        {"space": ColourSpace.LINEAR},
        {"space": ColourSpace.REC709, "channels": 4},
        {"space": ColourSpace.LINEAR, "channels": 4, "premultiplied": True},
    ],
    ids=["srgb", "linear", "rec709-straight", "linear-premultiplied"],
)
def test_where_the_matte_is_zero_the_plate_keeps_its_bits(tiny_pack, tiny_identity, declared):
    plate = drawn_frame(6, **declared)
    assert plate.rgb.max() > 1
    assert plate.rgb.min() < 0
    node = fresh(tiny_pack, tiny_identity)
    result = node.render(6, plate=plate)
    untouched = result.matte == 0
    assert result.composite[untouched].tobytes() == plate.pixels[untouched].tobytes()
    outside = np.ones_like(untouched)
    outside[result.changed.slices] = False
    assert (untouched | ~outside).all()
    assert 0.5 < untouched.mean() < 1
    if declared.get("channels") == 4:
        np.testing.assert_array_equal(result.composite[..., 3], plate.pixels[..., 3])


@pytest.mark.parametrize("more", [{}, {"face_scale": 0.8}, {"regrain": 1.0}, {"sharpness_match": 1.0}])
def test_nothing_is_lost_where_only_what_the_matte_reaches_is_made(node, more):
    settings = node.settings.replaced(matte_left=50.0, matte_top=40.0, **more)
    nothing = np.zeros(node.target.frame(0).size[::-1], np.float32)
    reached, whole = node.render(0, settings), node.render(0, settings, inside=nothing)
    assert reached.layers[0].touched == whole.changed
    assert np.prod(reached.changed.size) < 0.8 * np.prod(whole.changed.size)
    for name in ("composite", "face", "matte"):
        np.testing.assert_allclose(reached.layer(name), whole.layer(name), atol=2e-5, err_msg=name)
    outside = np.ones(nothing.shape, bool)
    outside[reached.changed.slices] = False
    assert not whole.matte[outside].any()
    assert reached.composite[outside].tobytes() == node.target.frame(0).pixels[outside].tobytes()


def test_a_matte_that_is_nowhere_changes_nothing(node):
    result = node.render(0, node.settings.replaced(matte_top=100.0, matte_bottom=100.0))
    assert result.changed.empty
    assert not result.matte.any()
    assert result.composite.tobytes() == node.target.frame(0).pixels.tobytes()


def test_the_matte_moves_with_the_face(node):
    def centre(time):
        matte = node.render(time).matte
        y, x = np.mgrid[: matte.shape[0], : matte.shape[1]]
        return np.array([(matte * x).sum(), (matte * y).sum()]) / matte.sum()

    moved = centre(12) - centre(2)
    np.testing.assert_allclose(moved, (25, 7), atol=4)


def test_a_proxy_looks_like_the_full_picture(tiny_pack, tiny_identity):
    import cv2

    full = drawn_frame(3)
    half = Frame(cv2.resize(full.pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    (face,) = MarkerDetector().find(full, 640, 0.5)
    track = Track(full.size, {3: (face,)})
    node = fresh(tiny_pack, tiny_identity, track=track, settings=Settings(matte_expand=4, matte_feather=8))
    small = cv2.resize(node.render(3, plate=full).matte, half.size, interpolation=cv2.INTER_AREA)
    assert np.abs(node.render(3, plate=half).matte - small).mean() < 0.01


def test_without_a_face_the_matte_is_empty_and_the_render_goes_on(tiny_pack, tiny_identity):
    plate = Frame(np.full((90, 160, 4), 0.3, np.float32))
    result = fresh(tiny_pack, tiny_identity).render(0, plate=plate)
    assert result.composite.tobytes() == plate.pixels.tobytes()
    assert result.matte.shape == (90, 160)
    assert not result.matte.any()
    assert result.quality.faces_found == 0


@pytest.mark.parametrize("off", [{"enable": False}, {"mix": 0.0}])
def test_enable_and_mix_pass_the_plate_on(node, off):
    result = node.render(5, Settings(**off))
    assert result.composite.tobytes() == drawn_frame(5).pixels.tobytes()
    assert not result.matte.any()


def test_a_node_that_is_switched_off_opens_nothing_until_a_frame_is_swapped(tiny_pack, tmp_path):
    nobody, off = tmp_path / "nobody.idn", Settings(enable=False)
    node = FaceSwapNode(nobody, DrawnClip(), pack=tiny_pack, settings=off)
    assert node.render(5).composite.tobytes() == drawn_frame(5).pixels.tobytes()
    assert node.runtime == ""
    with pytest.raises(IdentityFileError, match="nobody"):
        node.render(5, Settings())
    for name in ("faces", "device"):
        with pytest.raises(UserInputError, match="guesswork"):
            FaceSwapNode(nobody, DrawnClip(), pack=tiny_pack, settings=off, **{name: "guesswork"})


def test_a_track_and_a_prepared_identity_need_no_detector(tiny_pack, tiny_identity, tmp_path):
    missing, place = f"insightface:{tmp_path / 'nothing'}", tmp_path / "somebody.idn"
    tiny_identity.save(place)
    with pytest.raises(PackNotFoundError, match="non-commercial"):
        FaceSwapNode(place, DrawnClip(), pack=tiny_pack, faces=missing)
    faces = fresh(tiny_pack, tiny_identity).analyse(5)
    tracked = FaceSwapNode(place, DrawnClip(), pack=tiny_pack, faces=missing, track=Track((320, 180), {5: faces}))
    assert len(tracked.render(5).swapped) == 1
    with pytest.raises(PackNotFoundError, match="non-commercial"):
        tracked.analyse(5)


def test_values_that_are_not_finite_are_found_without_a_warning():
    finite = np.ones((4, 4), np.float32)
    assert all_finite(finite)
    assert all_finite(finite * np.finfo(np.float32).max), "their sum is none that a float holds"
    for broken in ([np.nan], [np.inf], [np.inf, -np.inf], [-np.inf, np.nan]):
        values = finite.copy()
        values[0, : len(broken)] = broken
        with np.errstate(all="raise"):
            assert not all_finite(values)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 8192)])
def test_odd_sizes_render(tiny_pack, tiny_identity, shape):
    plate = Frame(np.zeros((*shape, 3), np.float32))
    assert fresh(tiny_pack, tiny_identity).render(0, plate=plate).matte.shape == shape


def test_outside_wins_over_inside_and_both_must_fit(node):
    ones = np.ones((180, 320), np.float32)
    assert not node.render(5, inside=ones, outside=ones).matte.any()
    assert node.render(5, inside=ones).matte.sum() > node.render(5).matte.sum()
    with pytest.raises(UserInputError, match="320 x 180"):
        node.render(5, inside=ones[:90])


def test_every_output_mode_has_the_plate_s_size(node):
    result = node.render(5)
    for mode in OUTPUTS:
        assert result.layer(mode).shape[:2] == (180, 320), mode
    face = result.layer("face")
    straight = result.layer("face-unpremultiplied")
    np.testing.assert_allclose(straight[..., :3] * straight[..., 3:], face[..., :3], atol=1e-5)
    np.testing.assert_array_equal(face[..., 3], result.matte)


@pytest.mark.parametrize("to_alpha", [False, True])
@pytest.mark.parametrize("mode", OUTPUTS)
def test_the_changed_part_is_cut_out_of_the_layer(tiny_pack, tiny_identity, mode, to_alpha):
    plate = drawn_frame(5, space=ColourSpace.REC709, channels=4, premultiplied=True)
    result = fresh(tiny_pack, tiny_identity).render(5, Settings(matte_to_alpha=to_alpha), plate)
    assert 0 < result.changed.size[0] < 320
    np.testing.assert_array_equal(result.changed_part(mode), result.layer(mode)[result.changed.slices])


@pytest.mark.parametrize("mode", OUTPUTS)
def test_where_nothing_changed_there_is_no_part(tiny_pack, tiny_identity, mode):
    result = fresh(tiny_pack, tiny_identity).render(0, plate=Frame(np.zeros((16, 16, 3), np.float32)))
    assert result.changed_part(mode).size == 0


@pytest.mark.parametrize("mode", OUTPUTS)
def test_faces_that_are_apart_change_parts_of_their_own(tiny_pack, tiny_identity, mode):
    plate = drawn_people()
    broken = plate.pixels.copy()
    broken[108:112, 93:97] = broken[60, 225] = np.nan
    node = fresh(tiny_pack, tiny_identity, settings=Settings(face_choice="all"))
    result = node.render(0, plate=plate.with_pixels(broken))
    assert len(result.boxes) == len(result.swapped) == 2
    rest = np.ones((180, 320), bool)
    for box, part in result.changed_parts(mode):
        np.testing.assert_array_equal(part, result.layer(mode)[box])
        rest[box] = False
    assert not result.matte[rest].any()
    assert rest[result.changed.slices].mean() > 0.1
    assert result.quality.not_finite == 17


def test_what_is_known_of_other_pixels_does_not_count():
    pixels = np.zeros((4, 4, 3), np.float32)
    known = Frame(pixels, hashed=Hashed(pixels))
    other = np.ones_like(pixels)
    assert known.content_hash() == Frame(pixels).content_hash()
    assert known.with_pixels(other).content_hash() == Frame(other).content_hash()
    assert Frame(pixels, ColourSpace.REC709, hashed=known.hashed).content_hash() != known.content_hash()


@pytest.mark.parametrize("kept", [0, 1 << 28])
def test_a_clip_with_colour_and_an_empty_alpha_is_swapped_as_an_opaque_one(tiny_pack, tiny_identity, kept):
    made = {"target": EmptyAlpha(), "cache": RenderCache(memory=kept)}
    found = fresh(tiny_pack, tiny_identity, **made).render(5)
    opaque = fresh(tiny_pack, tiny_identity, target=DrawnClip(space=ColourSpace.LINEAR)).render(5)
    assert found.plate.taken_as_opaque
    np.testing.assert_array_equal(found.composite[..., :3], opaque.composite)
    for layer in ("face", "face-unpremultiplied"):
        np.testing.assert_array_equal(found.layer(layer), opaque.layer(layer))
    assert not found.composite[..., 3].any()
    assert found.premultiplied, "it is stored as it came"


def hidden_at_five(clip: type[DrawnClip], **declared) -> DrawnClip:
    """A clip whose face cannot be seen at 5."""

    class Hidden(clip):
        def frame(self, time):
            frame = super().frame(time)
            if time != 5:
                return frame
            pixels = frame.pixels.copy()
            pixels[..., :3] = textured()
            return frame.with_pixels(pixels)

    return Hidden(**declared)


@pytest.mark.parametrize("kept", [0, 1 << 28])
def test_a_face_that_no_search_finds_is_swapped_under_an_empty_alpha_too(tiny_pack, tiny_identity, kept):
    """It is filled in, placed by hand, or held by a track; and no cut is found where it is hidden."""
    empty, opaque = hidden_at_five(EmptyAlpha), hidden_at_five(DrawnClip, space=ColourSpace.LINEAR)
    settings = Settings(gap=2, smoothing=1, fade=1)
    found = fresh(tiny_pack, tiny_identity, target=empty, cache=RenderCache(memory=kept)).render(5, settings)
    want = fresh(tiny_pack, tiny_identity, target=opaque).render(5, settings)
    assert [face.filled for face in found.swapped] == [True]
    np.testing.assert_array_equal(found.composite[..., :3], want.composite)
    assert analyse_clip(empty, tiny_pack, MarkerDetector(), settings).cuts == frozenset()
    placed = Track((320, 180), {5: (replace(face_at(5), edited=True),)})
    finder = MarkerDetector()
    found = fresh(tiny_pack, tiny_identity, target=empty, track=placed, faces=finder).render(5)
    want = fresh(tiny_pack, tiny_identity, target=opaque, track=placed).render(5)
    np.testing.assert_array_equal(found.composite[..., :3], want.composite)
    assert finder.calls == 0


def face_at(time: int) -> Face:
    return MarkerDetector().find(drawn_frame(time), 640, 0.5)[0]


def with_flare(plate: Frame) -> Frame:
    """The plate with light that covers nothing in a corner."""
    pixels = plate.pixels.copy()
    pixels[:20, 280:] = (0.2, 0.1, 0, 0)
    return plate.with_pixels(pixels)


def test_colour_without_alpha_beside_a_face_with_alpha_changes_nothing(tiny_pack, tiny_identity):
    plate = drawn_frame(5, channels=4, premultiplied=True)
    glow = with_flare(plate)
    node = fresh(tiny_pack, tiny_identity)
    found, want = node.render(5, plate=glow), node.render(5, plate=plate)
    assert not found.plate.taken_as_opaque
    np.testing.assert_array_equal(found.composite[glow.alpha > 0], want.composite[glow.alpha > 0])


def test_light_that_covers_nothing_costs_a_keyed_plate_no_search_of_its_own(tiny_pack, tiny_identity):
    class Keyed(DrawnClip):
        def frame(self, time):
            return with_flare(drawn_frame(time, channels=4, premultiplied=True))

    track = Track((320, 180), {5: (face_at(5),)})
    for held, searches in ((None, 1), (track, 0)):
        finder = MarkerDetector()
        node = fresh(tiny_pack, tiny_identity, target=None, track=held, faces=finder, cache=RenderCache())
        result = node.render(5, plate=Keyed().frame(5))
        assert (len(result.swapped), result.plate.taken_as_opaque, finder.calls) == (1, False, searches)
    finder = MarkerDetector()
    assert len(analyse_clip(Keyed(), tiny_pack, finder, Settings(), [5]).frames[5]) == 1
    assert finder.calls == 1


def test_faces_tell_whether_an_alpha_that_is_empty_in_part_is_believed(tiny_pack, tiny_identity):
    """Those of a track without a search."""
    pixels = EmptyAlpha().frame(5).pixels.copy()
    pixels[:20, 280:, 3] = 1
    plate = Frame(pixels, ColourSpace.LINEAR, premultiplied=True)
    want = fresh(tiny_pack, tiny_identity, target=None).render(5, plate=drawn_frame(5, space=ColourSpace.LINEAR))
    for track, searches in ((None, 2), (Track((320, 180), {5: (face_at(5),)}), 0)):
        finder = MarkerDetector()
        node = fresh(tiny_pack, tiny_identity, target=None, track=track, faces=finder, cache=RenderCache())
        result = node.render(5, plate=plate)
        assert (result.plate.taken_as_opaque, finder.calls) == (True, searches)
        np.testing.assert_array_equal(result.composite[..., :3], want.composite)
    nobody = fresh(tiny_pack, tiny_identity, target=None, track=Track((320, 180), {5: ()}))
    assert not nobody.render(5, plate=plate).plate.taken_as_opaque


def test_an_empty_alpha_is_told_by_rows_up_to_the_last():
    pixels = np.zeros((1000, 500, 4), np.float32)
    pixels[300:600, 100:400] = 0.5
    tracemalloc.start()
    try:
        assert not Hashed(pixels).coloured_where_clear
        assert tracemalloc.get_traced_memory()[1] < 250_000, "of 500000 pixels"
    finally:
        tracemalloc.stop()
    assert not Hashed(pixels).covers_nothing
    for place, value in (((999, 499, 2), -1), ((0, 0, 0), 1), ((999, 0, 1), np.nan)):
        lit = pixels.copy()
        lit[place] = value
        assert Hashed(lit).coloured_where_clear
    pixels[..., 3] = 0
    assert Hashed(pixels).covers_nothing
    pixels[999, 499, 3] = np.nan
    assert not Hashed(pixels).covers_nothing


def test_a_node_that_is_off_searches_no_plate_for_a_face_without_alpha(tiny_pack, tiny_identity):
    finder = MarkerDetector()
    node = fresh(tiny_pack, tiny_identity, target=EmptyAlpha(), faces=finder)
    assert not node.render(5, Settings(enable=False)).plate.taken_as_opaque
    assert finder.calls == 0


def test_the_matte_goes_into_the_alpha_on_request(node):
    result = node.render(5, Settings(matte_to_alpha=True))
    np.testing.assert_array_equal(result.composite[..., 3], result.matte)


def test_a_stored_track_replaces_the_search(tiny_pack, tiny_identity):
    faces = {time: MarkerDetector().find(drawn_frame(time), 640, 0.5) for time in range(24)}
    detector = MarkerDetector()
    node = fresh(tiny_pack, tiny_identity, faces=detector, track=Track((320, 180), faces))
    assert pixels(node.render(9)) == pixels(fresh(tiny_pack, tiny_identity).render(9))
    assert detector.calls == 0


def test_an_identity_file_renders_the_same_bits(node, tiny_pack, tiny_identity, tmp_path):
    tiny_identity.with_release("contract 7").save(tmp_path / "actor.idn")
    read = Identity.load(tmp_path / "actor.idn")
    assert read.release == "contract 7"
    assert read.content_hash == tiny_identity.content_hash
    assert pixels(fresh(tiny_pack, tmp_path / "actor.idn").render(8)) == pixels(node.render(8))


@pytest.mark.parametrize("place", [-5, 0.5, 0.9])
def test_a_changed_identity_file_is_refused(tiny_identity, tmp_path, place):
    path = tmp_path / "actor.idn"
    tiny_identity.save(path)
    content = bytearray(path.read_bytes())
    content[place if place < 0 else int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(IdentityFileError, match=r"actor\.idn"):
        Identity.load(path)
    path.write_bytes(content[:100])
    with pytest.raises(IdentityFileError, match="Prepare it again"):
        Identity.load(path)


def test_an_identity_of_another_pack_is_refused(tiny_pack, tiny_identity):
    foreign = Identity(tiny_identity.weights, tiny_identity.embedding, "other-128", "0" * 64, tiny_identity.thumbnail)
    with pytest.raises(IdentityFileError, match="other-128"):
        fresh(tiny_pack, foreign)


def test_a_picture_that_shows_somebody_else_is_left_out(tiny_pack, monkeypatch):
    vectors = iter([[1, 0.1, 0], [0, 0, 1], [1, 0, 0.1]])

    def encoded(picture, face, pack):
        shape = tuple(dimension or 1 for dimension in (1, 16, 7, 7))
        embedding = np.zeros((1, 8), np.float32)
        embedding[0, :3] = next(vectors)
        return {"feature_map": np.ones(shape, np.float32), "embedding": embedding}

    monkeypatch.setattr("mobilefaceswap.identity.prepare.encode_person", encoded)
    pictures = [(name, drawn_frame(0)) for name in ("a.png", "b.png", "c.png")]
    made = prepare_identity(pictures, tiny_pack, MarkerDetector())
    assert [item.used for item in made.pictures] == [True, False, True]
    assert made.embedding[:3].tolist() == pytest.approx([1, 0.05, 0.05])


def test_hidden_files_in_a_folder_of_pictures_are_none(tmp_path):
    for name in ("b.jpg", "a.PNG", "._a.PNG", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in picture_files(tmp_path)] == ["a.PNG", "b.jpg"]


def test_a_reference_is_asked_for_when_it_is_needed(node):
    with pytest.raises(UserInputError, match="reference"):
        node.render(0, Settings(face_choice="reference"))


def test_a_node_without_target_and_plate_says_so(tiny_pack, tiny_identity):
    with pytest.raises(UserInputError, match="plate"):
        fresh(tiny_pack, tiny_identity, target=None).render(0)


def test_settings_are_checked(node):
    with pytest.raises(SettingsError, match="matte_expand"):
        node.render(0, Settings(matte_expand=900))

"""The road from plate to picture: what is asked for, what is looked up, what every key depends on."""

from __future__ import annotations

import ast
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import mobilefaceswap
from compare import assert_same
from drawn import DrawnClip, MarkerDetector, as_frame, draw_chart, drawn_frame, landmarks_at, textured
from mobilefaceswap import FaceSwapNode, Frame, RenderCache, Settings
from mobilefaceswap.analyse_clip import analyse_clip
from mobilefaceswap.cache import Registry
from mobilefaceswap.colour import ColourSpace
from mobilefaceswap.engine.session import Session
from mobilefaceswap.errors import MediaError, PackError, TrackError, UserInputError
from mobilefaceswap.faces import Track, find_faces, open_detector
from mobilefaceswap.frame import Window
from mobilefaceswap.geometry import Rectangle
from mobilefaceswap.node import keys
from mobilefaceswap.packs import TEMPLATES, Crop, find_pack
from mobilefaceswap.settings import HostSettings, table
from tiny_pack import make_tiny_pack


class KeyedClip(DrawnClip):
    """A clip that tells its frames apart without decoding them."""

    def key(self, time: int) -> str | None:
        return f"drawn {time}"


def made(pack, identity, clip=None, **more) -> FaceSwapNode:
    return FaceSwapNode(identity, clip or DrawnClip(), pack=pack, **{"faces": MarkerDetector()} | more)


def test_known_faces_cost_no_decoding(tiny_pack, tiny_identity):
    clip, settings = KeyedClip(), Settings(smoothing=6)
    node = made(tiny_pack, tiny_identity, clip)
    first = node.render(12, settings)
    assert sorted(set(clip.pulled)) == list(range(4, 21)), "six frames to smooth a face, in each of two to steady it"
    assert len(clip.pulled) == 17 + 4, "decoded once to be searched, and four once more to be cut out"
    clip.pulled.clear()
    again = node.render(12, settings)
    assert clip.pulled == [12]
    assert_same(again.composite, first.composite)
    clip.pulled.clear()
    node.render(13, settings)
    assert sorted(clip.pulled) == [13, 15, 21], "the next frame needs itself and those that enter its two windows"


@pytest.mark.parametrize(
    ("time", "window"), [(0, [0, 1, 2]), (1, [0, 1, 2, 3]), (22, [20, 21, 22, 23]), (23, [21, 22, 23])]
)
def test_smoothing_looks_at_every_frame_of_its_window_up_to_the_clip_s_ends(tiny_pack, tiny_identity, time, window):
    for clip in (KeyedClip(), DrawnClip()):
        made(tiny_pack, tiny_identity, clip).render(time, Settings(smoothing=2, gap=2, fade=2, deflicker=0))
        assert set(clip.pulled) == set(window)


def test_a_neighbour_that_cannot_be_read_does_not_stop_a_frame(tiny_pack, tiny_identity):
    class Broken(KeyedClip):
        def frame(self, time: int) -> Frame:
            if time == 13:
                raise MediaError("frame 13 is damaged")
            return super().frame(time)

    node = made(tiny_pack, tiny_identity, Broken())
    assert len(node.render(12, Settings(smoothing=3)).swapped) == 1
    with pytest.raises(MediaError, match="damaged"):
        node.render(13, Settings(smoothing=3))


@pytest.mark.parametrize("choice", ["hold", "skip"])
def test_a_frame_that_the_track_lacks_is_held_or_skipped(tiny_pack, tiny_identity, choice):
    (face,) = MarkerDetector().find(drawn_frame(4), 640, 0.5)
    node = made(tiny_pack, tiny_identity, track=Track((320, 180), {4: (face,), 9: ()}))
    result = node.render(6, Settings(missing_frames=choice))
    assert [found.landmarks.tolist() for found in result.swapped] == (
        [face.landmarks.tolist()] if choice == "hold" else []
    )
    with pytest.raises(TrackError, match="frame 6"):
        node.render(6, Settings())


def test_smoothing_of_a_clip_and_of_its_track_gives_the_same_pixels(tiny_pack, tiny_identity):
    class Shots(DrawnClip):
        """The chart jumps back at frame 8, after a cut to another plate, and is gone from 15 to 17."""

        def frame(self, time: int) -> Frame:
            if time < 8:
                return drawn_frame(time)
            pixels = np.ascontiguousarray(textured()[::-1, ::-1])
            if not 15 <= time < 18:
                draw_chart(pixels, landmarks_at(time - 8))
            return as_frame(pixels)

    settings = Settings(smoothing=3, gap=2, fade=2)
    analysed = analyse_clip(Shots(), tiny_pack, MarkerDetector(), settings)
    assert analysed.cuts == {8}
    found = made(tiny_pack, tiny_identity, Shots())
    tracked = made(tiny_pack, tiny_identity, Shots(), track=analysed)
    for time in (0, 1, 6, 7, 8, 9, 13, 14, 15, 18, 23):
        assert_same(found.render(time, settings).composite, tracked.render(time, settings).composite)
    assert found.render(14, settings).quality.presence == pytest.approx(1 / 3)


def test_a_clip_s_keys_change_no_pixel(tiny_pack, tiny_identity):
    settings = Settings(smoothing=3)
    keyed = made(tiny_pack, tiny_identity, KeyedClip())
    keyed.render(11, settings)
    plain = made(tiny_pack, tiny_identity, cache=RenderCache(memory=0))
    assert_same(keyed.render(12, settings).composite, plain.render(12, settings).composite)


def test_a_key_s_faces_follow_the_working_space(tiny_pack, tiny_identity):
    clip, detector = KeyedClip(), MarkerDetector()
    node = made(tiny_pack, tiny_identity, clip, faces=detector)
    node.render(12, Settings(smoothing=1, gap=0, fade=0, deflicker=0))
    searched = detector.calls
    node.render(12, Settings(smoothing=1, gap=0, fade=0, deflicker=0, colour_space="rec709"))
    assert detector.calls == searched + 3


def test_a_clip_without_a_key_for_its_frames_is_decoded(tiny_pack, tiny_identity):
    class Unsure(DrawnClip):
        def key(self, time: int) -> None:
            return None

    clip = Unsure()
    node = made(tiny_pack, tiny_identity, clip)
    node.render(12, Settings(smoothing=2, gap=0, fade=0, deflicker=0))
    assert sorted(clip.pulled) == [10, 11, 12, 13, 14]


@pytest.fixture(scope="module")
def thin_plate() -> Frame:
    """The astronaut, premultiplied by an alpha of 0.12."""
    from skimage.data import astronaut

    pixels = astronaut()[..., :3].astype(np.float32) / 255
    alpha = np.full((*pixels.shape[:2], 1), 0.12, np.float32)
    return Frame(np.dstack([pixels * alpha, alpha]), ColourSpace.REC709, premultiplied=True)


def test_a_face_under_a_thin_alpha_is_found_where_it_is_by_every_front(thin_plate, base_pack, astronaut, monkeypatch):
    settings = Settings()
    detector = open_detector(base_pack)
    (expected,) = detector.find(Frame(astronaut.pixels, ColourSpace.REC709), 640, 0.7)
    (ours,) = find_faces(detector, thin_plate, settings)
    np.testing.assert_allclose(ours.landmarks, expected.landmarks, atol=0.3)
    monkeypatch.setattr("mobilefaceswap.engine.session.read_settings", lambda values: (HostSettings(), settings))
    monkeypatch.setattr("mobilefaceswap.engine.session._plate", lambda picture, inputs, settings: (thin_plate, ""))
    (engine,) = analysed_by(Session(), monkeypatch)
    np.testing.assert_array_equal(engine.landmarks, ours.landmarks)


def analysed_by(session: Session, monkeypatch):
    """The faces that the engine adds to a range when a host analyses one frame."""
    added = []
    monkeypatch.setattr(session.ranges, "add", lambda number, time, found, *windows: added.extend(found.sighting.faces))
    session.analyse(SimpleNamespace(range=1, time=1, window=Window(0, -1, 1, 1), display=None), None, None)
    return added


def test_a_node_finds_and_swaps_a_face_under_a_thin_alpha(tiny_pack, tiny_identity):
    frame = drawn_frame(4)
    alpha = np.full((180, 320, 1), 0.12, np.float32)
    thin = Frame(np.dstack([frame.pixels * alpha, alpha]), frame.colour_space, premultiplied=True)

    class Tolerant(MarkerDetector):
        def find(self, plate, size, threshold):
            return super().find(plate.with_pixels(np.round(plate.pixels, 5)), size, threshold)

    result = made(tiny_pack, tiny_identity, faces=Tolerant()).render(4, plate=thin)
    straight = made(tiny_pack, tiny_identity).render(4)
    np.testing.assert_allclose(result.swapped[0].landmarks, straight.swapped[0].landmarks, atol=1e-6)
    np.testing.assert_allclose(result.composite[..., :3], 0.12 * straight.composite, atol=1e-3)


class Stencil:
    """A network that draws the negative of the crop, and whose mask is a square in the middle of it."""

    nbytes, runtime = 0, "stencil"

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        masks = np.zeros(crops.shape[:3], np.float32)
        masks[:, 20:-20, 20:-20] = 1
        return 1 - crops, masks


def test_expand_opens_onto_the_face_and_not_onto_the_plate(tiny_pack, tiny_identity):
    """The mask counts once: where the matte is newly open, the network's colour shows as strongly as in the core."""
    node = made(tiny_pack, tiny_identity)
    node._kit = replace(node._kit, network=Stencil())
    plain = Settings(matte_feather=0, plate_detail=0, colour_match=0)
    tight, wide = (node.render(5, plain.replaced(matte_expand=value)) for value in (0.0, 20.0))
    change = np.abs(wide.composite - wide.plate.pixels).mean(axis=2)
    core, opened = tight.matte == 1, (wide.matte == 1) & (tight.matte == 0)
    assert core.sum() > 500
    assert opened.sum() > 500
    assert change[opened].mean() >= 0.6 * change[core].mean()


def test_where_the_matte_is_solid_the_face_is_the_network_s_own_colour(tiny_pack, tiny_identity):
    """Whatever the mask says there: it shapes the matte and multiplies nothing else."""
    node = made(tiny_pack, tiny_identity)
    plain = Settings(plate_detail=0, colour_match=0, matte_black_clip=0.0, matte_white_clip=0.01, matte_feather=0)
    default = node.render(5, plain)
    full = np.ones((180, 320), np.float32)
    opened = node.render(5, plain, inside=full)
    solid = default.matte == 1
    assert_same(default.composite[solid], opened.composite[solid], atol=1e-6)


@pytest.mark.parametrize("row", [row for row in table() if row.stage != "output"], ids=lambda row: row.name)
def test_every_setting_is_in_the_keys_of_its_stage_and_in_no_other(row):
    changed = {
        "boolean": lambda: not row.default,
        "choice": lambda: list(row.entries)[-1],
        "file": lambda: "other.png",
        "text": lambda: "other",
    }.get(row.kind, lambda: row.minimum if row.default != row.minimum else row.maximum)()
    before, after = Settings(), Settings(**{row.name: changed})
    detector = MarkerDetector()
    made_of = {
        "plate": lambda settings: keys.plate_key("clip", settings, ()),
        "searched": lambda settings: keys.plate_key("clip", settings, "markers"),
        "detect": lambda settings: keys.faces_key("plate", detector, settings),
        "swap": lambda settings: keys.swap_key("crop", ("network",), settings),
        "outline": lambda settings: keys.outline_key("swap", np.eye(2), settings),
        "matte": lambda settings: keys.matte_key("swap", np.eye(2), [np.eye(2)], "hands", settings, everywhere=False),
        "look": lambda settings: keys.colour_key("swap", Rectangle(0, 0, 1, 1), 0, settings),
    }
    # The matte is made from its outline; without a track, a search tells whether a plate's alpha is empty.
    stages = {row.stage, {"outline": "matte", "plate": "searched", "detect": "searched"}.get(row.stage, row.stage)}
    assert {stage for stage, key in made_of.items() if key(before) != key(after)} == stages & {*made_of}


def test_keys_depend_on_what_they_are_given(monkeypatch):
    crop, matrix, settings, detector = Crop(64), np.eye(2, 3), Settings(), MarkerDetector()
    box = Rectangle(0, 0, 1, 1)
    detector_b = MarkerDetector()
    detector_b.name = "other"
    assert keys.faces_key("a", detector, settings) != keys.faces_key("b", detector, settings)
    assert keys.faces_key("a", detector, settings) != keys.faces_key("a", detector_b, settings)
    base = keys.crop_key("a", crop, matrix, settings)
    others = [
        keys.crop_key("b", crop, matrix, settings),
        keys.crop_key("a", replace(crop, size=65), matrix, settings),
        keys.crop_key("a", replace(crop, fit="affine"), matrix, settings),
        keys.crop_key("a", replace(crop, template=TEMPLATES["ffhq-512"]), matrix, settings),
        keys.crop_key("a", crop, 2 * matrix, settings),
        keys.crop_key("a", crop, matrix, Settings(auto_exposure=True)),
    ]
    assert len({base, *others}) == 7
    assert keys.swap_key("a", ("n",), settings) != keys.swap_key("a", ("m",), settings)
    points = landmarks_at(0)
    assert keys.embedding_key("a", points, ("n",)) != keys.embedding_key("a", points + 1, ("n",))
    assert keys.embedding_key("a", points, ("n",)) != keys.embedding_key("b", points, ("n",))
    assert keys.embedding_key("a", points, ("n",)) != keys.embedding_key("a", points, ("m",))
    (face,) = detector.find(drawn_frame(0), 640, 0.5)
    seen_by = ("markers", "others", (), (face,), (face.moved(1, 0),))
    plates = {keys.plate_key("a", settings, seen) for seen in seen_by}
    assert len({*plates, keys.plate_key("b", settings, "markers")}) == 6
    given = ("a", points, [matrix], "hands")
    others = [
        ("b", *given[1:]),
        ("a", points + 1, *given[2:]),
        (*given[:2], [2 * matrix], "hands"),
        (*given[:3], "none"),
    ]
    mattes = {keys.matte_key(*one, settings, everywhere=False) for one in (given, *others)}
    assert len({*mattes, keys.matte_key(*given, settings, everywhere=True)}) == 6
    outlines = {keys.outline_key(*one, settings) for one in (("a", points), ("b", points), ("a", points + 1))}
    assert len(outlines) == 3
    assert len({keys.ground_key(*one) for one in (("a", box), ("b", box), ("a", box.grown(1)))}) == 3
    before = keys.faces_key("a", detector, settings), base, keys.swap_key("a", ("n",), settings)
    monkeypatch.setattr(keys, "VERSIONS", dict.fromkeys(keys.VERSIONS, 99))
    after = (
        keys.faces_key("a", detector, settings),
        keys.crop_key("a", crop, matrix, settings),
        keys.swap_key("a", ("n",), settings),
    )
    assert not {*before} & {*after}


def test_a_pack_s_defaults_are_where_a_node_starts(tmp_path, tiny_identity):
    folder = make_tiny_pack(tmp_path / "tuned")
    place = folder / "pack.toml"
    text = place.read_text("utf-8")
    place.write_text(text + "\n[defaults]\nmatte_feather = 9\nplate_detail = 0.25\n", "utf-8")
    pack = find_pack(folder)
    node = made(pack, tiny_identity)
    assert (node.settings.matte_feather, node.settings.plate_detail) == (9.0, 0.25)
    assert node.settings == Settings(matte_feather=9, plate_detail=0.25)
    assert made(pack, tiny_identity, settings=Settings()).settings == Settings()
    for wrong, named in (("mix = 0.5", "defaults.mix"), ("matte_feather = 99", "defaults.matte_feather")):
        place.write_text(text + f"\n[defaults]\n{wrong}\n", "utf-8")
        with pytest.raises(PackError, match=named):
            find_pack(folder)


def test_the_memory_of_a_process_is_one_setting(monkeypatch):
    monkeypatch.setenv("MOBILEFACESWAP_MEMORY", "30")
    assert RenderCache().memory == 20 << 20
    assert RenderCache(memory=500 << 20).memory == 20 << 20
    assert RenderCache(memory=5).memory == 5
    monkeypatch.setenv("MOBILEFACESWAP_MEMORY", "plenty")
    with pytest.raises(UserInputError, match="MOBILEFACESWAP_MEMORY"):
        RenderCache()


class Heavy:
    nbytes = 40_000


def test_the_registry_makes_once_keeps_to_its_bound_and_forgets_by_kind():
    registry, made_for = Registry(lambda: 100_000), []

    def make(key):
        made_for.append(key)
        return Heavy()

    first = registry.get("a", 1, lambda: make(1))
    assert registry.get("a", 1, lambda: make(1)) is first
    registry.get("a", 2, lambda: make(2))
    assert registry.get("a", 1, lambda: make(1)) is first, "used last, so kept"
    registry.get("a", 3, lambda: make(3))
    assert registry.get("a", 1, lambda: make(1)) is first
    registry.get("a", 2, lambda: make(2))
    assert made_for == [1, 2, 3, 2]
    registry.get("b", 1, lambda: "small")
    registry.forget("a")
    assert registry.get("a", 1, lambda: make(1)) is not first
    assert registry.get("b", 1, lambda: "other") == "small"
    with pytest.raises(ZeroDivisionError):
        registry.get("c", 1, lambda: 1 / 0)
    assert registry.get("c", 1, lambda: 5) == 5


def test_the_registry_makes_once_however_many_ask_at_the_same_time():
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    registry, made_for, together = Registry(lambda: 1 << 20), [], Barrier(4)

    def ask(_: int) -> object:
        together.wait()
        return registry.get("a", 1, lambda: made_for.append(1) or object())

    with ThreadPoolExecutor(4) as pool:
        assert len(set(map(id, pool.map(ask, range(4))))) == 1
    assert made_for == [1]


def test_nothing_but_the_registry_keeps_things_for_the_process():
    """No other store: a bound that grew beside the one setting would show here."""
    package = Path(mobilefaceswap.__file__).parent
    rooms = ("packs", "faces", "identity", "swap", "look", "node", "runtime.py", "geometry.py", "frame.py")
    found = []
    for room in rooms:
        place = package / room
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            for item in ast.parse(path.read_text("utf-8")).body:
                names = ast.unparse(item)
                stores = isinstance(item, ast.Assign | ast.AnnAssign) and ("OrderedDict" in names or "= {}" in names)
                if stores or "lru_cache" in names:
                    found.append(f"{path.name}: {names[:60]}")
    assert found == []


def test_the_same_frame_in_two_packs_is_two_crops(tmp_path, tiny_pack, tiny_identity):
    """One cache for two packs whose crops differ in their fit alone."""
    folder = shutil.copytree(tiny_pack.folder, tmp_path / "affine")
    place = folder / "pack.toml"
    place.write_text(place.read_text("utf-8").replace('fit = "similarity"', 'fit = "affine"'), "utf-8")
    cache, other = RenderCache(), find_pack(folder)
    from mobilefaceswap.identity import prepare_identity

    identity = prepare_identity([("drawn", drawn_frame(0))], other, MarkerDetector())
    skewed = as_frame(textured())
    import drawn

    points = landmarks_at(3) * (1.3, 1.0) - (50, 0)
    drawn.draw_chart(skewed.pixels, points)
    one = made(tiny_pack, tiny_identity, cache=cache).render(0, plate=skewed)
    two = made(other, identity, cache=cache).render(0, plate=skewed)
    assert one.changed != two.changed
    assert_same(two.composite, made(other, identity).render(0, plate=skewed).composite)

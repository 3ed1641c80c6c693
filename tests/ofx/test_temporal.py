"""Faces are followed without a track where the host hands out other frames."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bundles import own_copy
from mobilefaceswap.analyse_clip import analyse_clip
from mobilefaceswap.demo.samples import AstronautClip
from mobilefaceswap.faces import open_detector
from mobilefaceswap.frame import ColourSpace, Frame
from mobilefaceswap.identity import Identity
from mobilefaceswap.media import read_picture
from mobilefaceswap.node import FaceSwapNode
from mobilefaceswap.ofx.host import Effect, Host
from mobilefaceswap.ofx.install import binary_of
from mobilefaceswap.settings import Settings

EMPTY, LAST = 5, 9


class Shot:
    """The moving astronaut as a host shows it; one frame between two cuts has no face."""

    first, last = 0, LAST

    def __init__(self) -> None:
        plates = AstronautClip((320, 180), frames=200)
        self.pixels = [np.ascontiguousarray(plates.frame(time).pixels) for time in range(LAST + 1)]
        self.pixels[EMPTY] = np.full_like(self.pixels[EMPTY], 0.3)
        self.asked: list[float] = []

    def frame(self, time: int) -> Frame:
        return Frame(self.pixels[time], ColourSpace.LINEAR)

    def footage(self, time: float) -> np.ndarray | None:
        self.asked.append(time)
        return self.pixels[int(time)] if 0 <= time <= LAST else None


@pytest.fixture
def hosted(bundle: Path, environment: pytest.MonkeyPatch, tmp_path: Path):
    made = []

    def effect(name: str) -> Effect:
        folder = tmp_path / name
        folder.mkdir()
        made.append(Host(binary_of(own_copy(bundle, folder)), name=name).effects())
        return made[-1][0]

    yield effect
    for effects in made:
        assert [one.unload() for one in effects] == [0, 0]


def test_the_same_pixels_as_with_a_track(hosted, identity: Path, pack) -> None:
    shot = Shot()
    settings = Settings()
    track = analyse_clip(shot, pack, open_detector(pack), settings)
    tracked = FaceSwapNode(Identity.load(identity), shot, pack=pack, track=track)
    node = hosted("fr.inria.Natron").create(source=str(identity))
    node.footage, node.bounds = shot.footage, (0.0, float(LAST))
    bare = FaceSwapNode(Identity.load(identity), pack=pack)
    steadied = 0
    for time in (0, 4, 5, 9, 2):
        status, output = node.render(shot.pixels[time], time)
        assert status == 0
        expected = tracked.render(time, settings).composite
        np.testing.assert_array_equal(output, expected)
        steadied += bool((output != bare.render(time, settings, shot.frame(time)).composite).any())
    assert steadied == 4, "following must change every frame with a face, or this proves little"
    assert node.held == 0
    assert all(0 <= time <= LAST for time in shot.asked)


def test_a_track_s_faces_are_steadied_over_time(hosted, identity: Path, pack, tmp_path: Path) -> None:
    """Played forward, each frame asks for the plate that enters its window alone; a jump asks for all of them."""
    shot, settings = Shot(), Settings()
    track = analyse_clip(shot, pack, open_detector(pack), settings)
    track.save(tmp_path / "shot.track.json")
    tracked = FaceSwapNode(Identity.load(identity), shot, pack=pack, track=track)
    node = hosted("fr.inria.Natron").create(source=str(identity), track_file=str(tmp_path / "shot.track.json"))
    node.footage, node.bounds = shot.footage, (0.0, float(LAST))
    shot.asked.clear()
    for time in (8, 0, 1, 2):
        status, output = node.render(shot.pixels[time], time)
        assert status == 0
        np.testing.assert_array_equal(output, tracked.render(time, settings).composite)
    assert set(shot.asked) == {0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 9.0}
    assert node.held == 0


def test_an_animated_setting_counts_as_the_rendered_frame_has_it(hosted, identity: Path, pack) -> None:
    shot, settings = Shot(), Settings()
    found = FaceSwapNode(Identity.load(identity), shot, pack=pack)
    node = hosted("fr.inria.Natron").create(source=str(identity))
    node.bounds = (0.0, float(LAST))

    def footage(time: float) -> np.ndarray | None:
        node.values["view_exposure"] = 0.1 * time
        return shot.footage(time)

    node.footage = footage
    for time in (3, 8):
        node.values["view_exposure"] = 0.1 * time
        status, output = node.render(shot.pixels[time], time)
        assert (status, node.persistent) == (0, "")
        expected = found.render(time, settings.replaced(view_exposure=0.1 * time)).composite
        np.testing.assert_array_equal(output, expected)


def test_frames_at_once_are_steadied_however_little_memory_there_is(
    hosted, identity: Path, pack, environment: pytest.MonkeyPatch
) -> None:
    """What the frames in progress need is kept beside it."""
    environment.setenv("MOBILEFACESWAP_MEMORY", "0")
    shot, settings = Shot(), Settings().replaced(pixel_boost="2x")
    found = FaceSwapNode(Identity.load(identity), shot, pack=pack)
    effect = hosted("fr.inria.Natron")

    def rendered(time: int) -> tuple[int, np.ndarray, str]:
        node = effect.create(source=str(identity), pixel_boost=1)
        node.footage, node.bounds = shot.footage, (0.0, float(LAST))
        return *node.render(shot.pixels[time], time), node.persistent

    with ThreadPoolExecutor(3) as threads:
        for time, (status, output, said) in zip((2, 3, 8), threads.map(rendered, (2, 3, 8)), strict=True):
            assert (status, said) == (0, "")
            np.testing.assert_array_equal(output, found.render(time, settings).composite)


def test_a_host_that_gives_no_other_frames_is_not_asked(hosted, identity: Path) -> None:
    shot = Shot()
    node = hosted("DaVinciResolve").create(source=str(identity))
    node.footage, node.bounds = shot.footage, (0.0, float(LAST))
    status, _ = node.render(shot.pixels[3], 3)
    assert (status, shot.asked) == (0, [])


def test_a_source_at_the_identity_input_is_followed_as_one_from_a_file(
    bundle, environment, grace_hopper: Path, tmp_path: Path
) -> None:
    """Frames around need no source to be looked at, and so none is sent along with them."""
    shot = Shot()
    loaded = Host(binary_of(own_copy(bundle, tmp_path)), name="fr.inria.Natron").effects("OfxImageEffectContextGeneral")
    node = loaded[0].create()
    node.footage, node.bounds = shot.footage, (0.0, float(LAST))
    shown = np.ascontiguousarray(read_picture(grace_hopper).rgb ** np.float32(2.2))
    status, output = node.render(shot.pixels[4], 4, Identity=shown)
    assert (status, node.persistent, node.held) == (0, "", 0)
    assert not np.array_equal(output, shot.pixels[4])
    assert {3.0, 5.0} <= set(shot.asked)
    assert [effect.unload() for effect in loaded] == [0, 0]


def test_a_draft_and_a_node_without_smoothing_ask_for_nothing(hosted, identity: Path) -> None:
    shot = Shot()
    node = hosted("fr.inria.Natron").create(source=str(identity))
    node.footage, node.bounds = shot.footage, (0.0, float(LAST))
    node.render(shot.pixels[3], 3, more={"OfxImageEffectPropRenderQualityDraft": [1]})
    assert shot.asked == []
    node.values.update(smoothing=0, gap=0, fade=0, deflicker=0)
    node.render(shot.pixels[3], 3)
    assert shot.asked == []


def test_a_draft_does_not_say_that_nothing_is_steadied(hosted, identity: Path) -> None:
    shot = Shot()
    node = hosted("fr.inria.Natron").create(source=str(identity), smoothing=5, deflicker=4)
    node.footage, node.bounds = shot.footage, (0.0, float(LAST))
    for more in ({}, {"OfxImageEffectPropRenderQualityDraft": [1]}):
        status, _ = node.render(shot.pixels[3], 3, more=more)
        assert (status, node.persistent) == (0, "")


def test_a_still_is_the_same_in_every_frame_with_all_that_looks_around(hosted, identity: Path) -> None:
    """So that a host may render it once, as the effect lets it."""
    pixels = Shot().pixels[3]
    node = hosted("fr.inria.Natron").create(source=str(identity), smoothing=5, deflicker=2, fade=4)
    node.footage, node.frames, node.bounds = (lambda _: pixels), (0.0, 5.0), (0.0, 9.0)
    first, *others = (node.render(pixels, time)[1] for time in (0, 3, 5))
    assert node.preferences["OfxImageEffectFrameVarying"] == [0]
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-5)


def test_the_host_is_told_which_frames_are_needed(hosted, identity: Path) -> None:
    node = hosted("fr.inria.Natron").create(source=str(identity), smoothing=5, deflicker=1, gap=8)
    wanted = node.ask("GetFramesNeeded", OfxPropTime=[20.0])
    assert wanted["OfxImageClipPropFrameRange_Source"] == [6.0, 34.0]
    node.values["track_file"] = "shot.track.json"
    assert node.ask("GetFramesNeeded", OfxPropTime=[20.0])["OfxImageClipPropFrameRange_Source"] == [19.0, 21.0]


@pytest.mark.parametrize("values", [{}, {"smoothing": 0, "fade": 0}, {"gap": 2, "deflicker": 0}, {"smoothing": 5}])
def test_a_lost_face_needs_no_frame_that_was_not_declared(hosted, identity: Path, values: dict[str, int]) -> None:
    """Such hosts hand out nothing else, and a face would not be filled in."""
    shown = Shot().pixels[3]
    hidden = shown.copy()
    # The face alone, so that it is no cut.
    hidden[46:115, 135:191] = 0.2
    node = hosted("fr.inria.Natron").create(source=str(identity), detection_threshold=0.8, **values)
    asked: list[float] = []

    def footage(time: float) -> np.ndarray:
        asked.append(time)
        return hidden if 10 <= time <= 15 else shown

    node.footage, node.frames, node.bounds = footage, (0.0, 40.0), (0.0, 40.0)
    furthest = 0.0
    for time in (7, 9, 10, 12, 15, 16, 18):
        first, last = node.ask("GetFramesNeeded", OfxPropTime=[float(time)])["OfxImageClipPropFrameRange_Source"]
        asked.clear()
        status, output = node.render(footage(time), time)
        assert (status, node.persistent) == (0, "")
        assert first <= min(asked) <= max(asked) <= last
        furthest = max(furthest, time - min(asked), max(asked) - time)
        if node.values["gap"] >= 6:
            assert not np.array_equal(output, footage(time)), "it is filled in"
    assert furthest > node.values["deflicker"] + max(node.values["smoothing"], node.values["fade"])

"""What the network draws is averaged over frames, along the plate's motion: what flickers goes, what moves stays."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest

from compare import assert_same
from drawn import DrawnClip, MarkerDetector, as_frame, draw_chart, landmarks_at, textured
from mobilefaceswap import FaceSwapNode, Frame, RenderCache, Settings
from mobilefaceswap.analyse_clip import analyse_clip
from mobilefaceswap.errors import MediaError
from mobilefaceswap.swap import carried_on, flow_between, steadied, turned_back

SIDE = 128


def smooth(seed: int = 0) -> np.ndarray:
    """(H, W, 3), larger than a crop, with detail that motion can be told by."""
    coarse = np.random.default_rng(seed).random((24, 24, 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_CUBIC), 0, 1)


def moved(right: float, down: float) -> np.ndarray:
    """What a crop shows whose content moves by so many pixels."""
    at = np.array([[1, 0, 32 - right], [0, 1, 32 - down]], np.float32)
    return cv2.warpAffine(smooth(), at, (SIDE, SIDE), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)


def swap(crop: np.ndarray, change: np.ndarray | float, mask: float = 0.5) -> dict[str, np.ndarray]:
    return {"crop": crop, "colour": crop + np.float32(change), "mask": np.full((SIDE, SIDE), mask, np.float32)}


INNER = np.s_[16:-16, 16:-16]


@pytest.mark.parametrize(("right", "down"), [(3, -2), (0.5, 0.25), (-5, 4)])
def test_the_motion_between_crops_is_found(right: float, down: float) -> None:
    flow = flow_between(moved(0, 0), moved(right, down), SIDE)[INNER]
    np.testing.assert_allclose(np.median(flow, axis=(0, 1)), (right, down), atol=0.1)


def test_motions_in_a_row_are_one() -> None:
    first, second = flow_between(moved(0, 0), moved(3, 1), SIDE), flow_between(moved(3, 1), moved(5, -1), SIDE)
    together = carried_on(first, second)[INNER]
    np.testing.assert_allclose(np.median(together, axis=(0, 1)), (5, -1), atol=0.15)


def test_a_motion_turned_back_leads_to_where_it_came_from() -> None:
    """Also where it is not the same everywhere: by a zoom and a turn, known exactly."""
    middle = (SIDE - 1) / 2
    linear = np.array([[1.06, -0.05], [0.05, 1.06]])
    places = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1) - middle
    there, back = ((places @ (way - np.eye(2)).T).astype(np.float32) for way in (linear, np.linalg.inv(linear)))
    np.testing.assert_allclose(turned_back(there)[INNER], back[INNER], atol=0.02)


def test_the_motion_of_a_larger_crop_is_that_of_the_network_s() -> None:
    large = [
        cv2.resize(crop, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_CUBIC) for crop in (moved(0, 0), moved(3, 1))
    ]
    flow = flow_between(large[0], large[1], SIDE)
    assert flow.shape == (SIDE, SIDE, 2)
    np.testing.assert_allclose(np.median(flow[INNER], axis=(0, 1)), (3, 1), atol=0.15)


def test_what_differs_from_frame_to_frame_is_averaged_where_the_plate_moved() -> None:
    """The network draws a stripe that moves with the plate, brighter or darker by chance."""
    stripe = np.zeros((2 * SIDE, 2 * SIDE, 3), np.float32)
    stripe[90:98] = 0.2
    frames = {}
    for time, strength in ((-1, 1.2), (0, 1.0), (1, 0.5)):
        at = np.array([[1, 0, 32], [0, 1, 32 - 4 * time]], np.float32)
        drawn = cv2.warpAffine(stripe, at, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        frames[time] = swap(0.5 * moved(0, 4 * time) + 0.1, strength * drawn)
    around = [(frames[time], flow_between(frames[0]["crop"], frames[time]["crop"], SIDE)) for time in (-1, 1)]
    found = steadied(frames[0], around)
    change = (found["colour"] - frames[0]["crop"])[61:63, 24:-24]
    assert np.median(change) == pytest.approx(0.2 * (1.2 + 1.0 + 0.5) / 3, abs=0.004)
    assert np.abs((found["colour"] - frames[0]["crop"])[80:120]).max() < 0.01, "nothing is smeared beside it"


def test_another_frame_does_not_count_where_the_plate_is_another() -> None:
    """A hand comes in over the left half: what is drawn on it says nothing of the face."""
    own, other = swap(moved(0, 0), 0.1), swap(moved(0, 0), -0.1, mask=0.1)
    other["crop"] = other["crop"].copy()
    other["crop"][:, : SIDE // 2] = 0.8
    found = steadied(own, [(other, np.zeros((SIDE, SIDE, 2), np.float32))])
    left, right = (np.s_[8:-8, 8:56], np.s_[8:-8, 72:-8])
    assert np.median((found["colour"] - own["crop"])[left]) == pytest.approx(0.1, abs=1e-3)
    np.testing.assert_allclose((found["colour"] - own["crop"])[right], 0, atol=1e-3)
    np.testing.assert_allclose(found["mask"][right], 0.3, atol=1e-3)


def test_a_repeated_frame_changes_no_bit() -> None:
    own = swap(moved(0, 0), 0.1)
    found = steadied(own, [(dict(own), np.zeros((SIDE, SIDE, 2), np.float32))] * 2)
    assert_same(found["colour"], own["colour"])
    assert_same(found["mask"], own["mask"])


class Flickering:
    """Draws the crop brighter, by chance: by what its bytes say."""

    nbytes, runtime = 0, "flickering"

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chance = np.array([zlib.crc32(crop.tobytes()) / 2**32 for crop in crops], np.float32)
        return np.clip(crops + 0.1 * chance[:, None, None, None], 0, 1), np.ones(crops.shape[:3], np.float32)


class Shot(DrawnClip):
    """The chart at rest under grain; another plate after a cut at 12; no face at 5. other: frames with other grain."""

    def __init__(self, other: Sequence[int] = (), damaged: Sequence[int] = ()) -> None:
        super().__init__()
        self.other, self.damaged = other, damaged

    def frame(self, time: int) -> Frame:
        if time in self.damaged:
            raise MediaError(f"frame {time} is damaged")
        plate = np.ascontiguousarray(textured()[::-1, ::-1] if time >= 12 else textured())
        if time != 5:
            draw_chart(plate, landmarks_at(3))
        grain = np.random.default_rng(time + 100 * (time in self.other)).normal(0, 0.002, plate.shape)
        marked = np.isin(plate, (0, 1)).any(axis=-1, keepdims=True)
        return as_frame(np.where(marked, plate, plate + grain).astype(np.float32))


ALONE = Settings(smoothing=0, gap=0, fade=0, plate_detail=0, colour_match=0, auto_exposure=False, deflicker=0)
STEADY = ALONE.replaced(deflicker=2)


@pytest.fixture
def made(tiny_pack, tiny_identity) -> Callable[..., FaceSwapNode]:
    def node(clip: DrawnClip, **more: object) -> FaceSwapNode:
        made = FaceSwapNode(tiny_identity, clip, pack=tiny_pack, faces=MarkerDetector(), **more)
        made._kit = replace(made._kit, network=Flickering())
        return made

    return node


def brightness(node: FaceSwapNode, settings: Settings, times: range) -> np.ndarray:
    """How much brighter the face of each frame is drawn than the plate."""
    results = [node.render(time, settings) for time in times]
    return np.array([(one.composite - one.plate.pixels)[one.matte > 0.9].mean() for one in results])


def test_a_face_that_flickers_is_steadied_and_keeps_its_brightness(made) -> None:
    node, times = made(Shot()), range(12, 24)
    alone, steady = (brightness(node, settings, times) for settings in (ALONE, STEADY))
    assert np.std(alone) > 0.01
    assert np.abs(np.diff(steady[2:-2])).mean() < 0.4 * np.abs(np.diff(alone[2:-2])).mean()
    expected = np.convolve(alone, np.full(5, 0.2), "valid")
    np.testing.assert_allclose(steady[2:-2], expected, atol=0.003)


@pytest.mark.parametrize(
    ("time", "others", "matter"),
    [
        (12, (10, 11), False),
        (11, (12, 13), False),
        (10, (8, 9), True),
        (4, (6, 7), False),
        (4, (2, 3), True),
        (16, (13, 19), False),
    ],
    ids=["before a cut", "after a cut", "in the shot", "after a loss", "before it", "beyond the window"],
)
def test_only_the_same_face_in_the_same_shot_counts(made, time: int, others: tuple[int, ...], *, matter: bool) -> None:
    first, second = (made(Shot(other)).render(time, STEADY).composite for other in ((), others))
    assert np.array_equal(first, second) is not matter


def test_a_track_steadies_as_a_search_does(made, tiny_pack) -> None:
    settings = STEADY.replaced(smoothing=2, gap=1, fade=1)
    track = analyse_clip(Shot(), tiny_pack, MarkerDetector(), settings)
    found, tracked = made(Shot()), made(Shot(), track=track)
    for time in (0, 4, 6, 11, 12, 23):
        assert_same(found.render(time, settings).composite, tracked.render(time, settings).composite)


def test_a_damaged_neighbour_stops_its_own_render_alone(made, tiny_pack) -> None:
    track = analyse_clip(Shot(), tiny_pack, MarkerDetector(), STEADY)
    node = made(Shot(damaged=[16]), track=track)
    without = replace(track, cuts=track.cuts | {16})
    assert_same(node.render(15, STEADY).composite, made(Shot(), track=without).render(15, STEADY).composite)
    with pytest.raises(MediaError, match="frame 16"):
        node.render(16, STEADY)


@pytest.mark.parametrize("other", [13, 15])
def test_a_frame_that_comes_again_later_changes_nothing_in_any_order(made, other: int) -> None:
    """Frames 14 and 16 are the same: one motion leads from them to 15, and one back to them."""

    class Again(Shot):
        def frame(self, time: int) -> Frame:
            return super().frame(14 if time == 16 else time)

    first = made(Again(), cache=RenderCache())
    first.render(other, STEADY)
    assert_same(first.render(16, STEADY).composite, made(Again()).render(16, STEADY).composite)


def test_a_plate_that_is_handed_in_alone_is_swapped_alone(made) -> None:
    node, plate = made(Shot()), Shot().frame(15)
    node.target = None
    assert_same(node.render(15, STEADY, plate).composite, node.render(15, ALONE, plate).composite)


def test_the_swap_of_a_frame_is_made_once_for_all_that_it_steadies(made) -> None:
    node = made(Shot())
    for time in range(12, 18):
        node.render(time, STEADY)
    assert node.cache.counts.computed["swap"] == 8
    assert node.cache.counts.computed["step"] == 7 + 5, "forth from 12 to 19, back from 17 to 12"


def test_a_change_of_the_matte_steadies_nothing_again(made) -> None:
    node = made(Shot(), cache=RenderCache())
    node.render(15, STEADY)
    before = dict(node.cache.counts.computed)
    node.render(15, STEADY.replaced(matte_expand=4))
    assert {kind for kind, count in node.cache.counts.computed.items() if count != before[kind]} <= {"matte", "colour"}

"""Planted truths of protocol 2: what each measure must say of a swap whose fault is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("skimage", reason="the measures need scikit-image (extra: evaluate)")

from evaluation import measures as m

SIZE = 128


@pytest.fixture
def plate() -> m.Picture:
    """A face-coloured picture with pores, and a darker surround."""
    rng = np.random.default_rng(3)
    picture = np.full((SIZE, SIZE, 3), (190, 150, 130), np.float64) + rng.normal(0, 8, (SIZE, SIZE, 1))
    yy, xx = np.mgrid[:SIZE, :SIZE]
    picture[(yy - 64) ** 2 + (xx - 64) ** 2 > 55**2] = (60, 70, 90)
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.fixture
def matte() -> np.ndarray:
    yy, xx = np.mgrid[:SIZE, :SIZE]
    return ((yy - 64) ** 2 + (xx - 64) ** 2 <= 35**2).astype(np.float32)


def moves(count: int = 60) -> np.ndarray:
    return 5 + 3 * np.sin(np.arange(count) / 4)


def test_an_unchanged_face_keeps_all_movement_has_no_seam_and_all_detail(plate: m.Picture, matte: np.ndarray) -> None:
    assert m.followed(moves(), moves(), 0.5) == pytest.approx((1, 1))
    assert m.seam(plate, plate, matte) == 0
    assert m.detail(plate, plate, matte > 0.9) == pytest.approx(1)
    assert m.likeness(plate, plate, matte > 0.5) == (pytest.approx(137.95, abs=5), pytest.approx(1))
    assert m.flicker([plate] * 3, [plate] * 3, [matte] * 3) is not None


def test_another_persons_rest_position_is_no_error() -> None:
    assert m.followed(moves(), moves() + 4, 0.5) == pytest.approx((1, 1))


@pytest.mark.parametrize(("share", "gain"), [(0.0, 0.0), (0.5, 0.5), (1.3, 1.3), (-1.0, -1.0)])
def test_gain_is_the_share_of_the_movement_that_survives(share: float, gain: float) -> None:
    swap = 5 + share * (moves() - 5)
    found = m.followed(moves(), swap, 0.5)
    assert found is not None
    assert found[1] == pytest.approx(gain, abs=1e-9)
    assert found[0] == pytest.approx(np.sign(gain), abs=1e-6)


def test_noise_lowers_the_correlation_and_not_the_gain() -> None:
    signal = np.tile(moves(), 50)
    noisy = signal + np.random.default_rng(0).normal(0, signal.std(), signal.shape)
    found = m.followed(signal, noisy, 0.5)
    assert found is not None
    assert found[0] == pytest.approx(0.5**0.5, abs=0.03)
    assert found[1] == pytest.approx(1, abs=0.05)


def test_a_clip_that_stands_still_says_nothing() -> None:
    assert m.followed(np.full(60, 5.0), moves(), 0.5) is None
    still = [dict.fromkeys(m.SIGNALS, 1.0)] * 10
    assert m.movement({"still": (still, still)}) == {}


def test_movement_is_the_median_over_the_clips_that_move() -> None:
    def clip(share: float) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
        plate = [dict.fromkeys(m.SIGNALS, float(10 * v)) for v in moves()]
        return plate, [{name: share * value for name, value in frame.items()} for frame in plate]

    still = ([dict.fromkeys(m.SIGNALS, 1.0)] * 60, clip(0.1)[1])
    said = m.movement({"a": clip(0.2), "b": clip(0.6), "c": clip(1.0), "still": still})
    assert said["movement"]["yaw"]["gain"] == pytest.approx(0.6)
    assert sorted(said["gaze"]["gaze x"]["clips"]) == ["a", "b", "c"]


def test_a_seam_is_what_the_swap_adds_at_the_edge(plate: m.Picture, matte: np.ndarray) -> None:
    tinted = plate.copy()
    tinted[matte > 0.5] = np.clip(tinted[matte > 0.5].astype(int) + (25, 0, -25), 0, 255)
    strong = m.seam(plate, tinted, matte)
    soft = cv2.GaussianBlur(matte, (0, 0), 12)[..., None]
    blended = (plate * (1 - soft) + tinted * soft).astype(np.uint8)
    weak = m.seam(plate, blended, matte)
    assert strong is not None
    assert weak is not None
    assert strong > 8
    assert weak < 0.7 * strong


def test_a_seam_on_one_side_is_not_made_up_for_by_the_other(plate: m.Picture, matte: np.ndarray) -> None:
    """Half of the edge gets a seam; at the other half a seam of the plate's own vanishes."""
    plate[:, :64][matte[:, :64] > 0.5] = (150, 110, 90)
    swap = plate.copy()
    swap[:, :64][matte[:, :64] > 0.5] = (190, 150, 130)
    swap[:, 64:][matte[:, 64:] > 0.5] = (150, 110, 90)
    found = m.seam(plate, swap, matte)
    assert found is not None
    assert found > 4


def test_an_empty_matte_has_no_seam(plate: m.Picture, matte: np.ndarray) -> None:
    assert m.seam(plate, plate, np.zeros_like(matte)) is None


def test_a_grey_patch_on_skin_shows_and_another_complexion_does_not(plate: m.Picture) -> None:
    where = np.zeros((SIZE, SIZE), bool)
    where[36:92, 36:92] = True
    darker = cv2.addWeighted(plate, 0.85, plate, 0, 0)
    patched = plate.copy()
    patched[36:64, 36:64] = patched[36:64, 36:64] * 0.7
    complexion, patch = (m.patches(plate, swap, where) for swap in (darker, patched))
    assert m.patches(plate, plate, where) == 0
    assert complexion is not None
    assert patch is not None
    assert complexion < 2 < 6 < patch
    assert m.patches(plate, patched, np.zeros((SIZE, SIZE), bool)) is None


def test_blurred_skin_has_less_detail_and_painted_skin_more(plate: m.Picture, matte: np.ndarray) -> None:
    where = matte > 0.9
    blurred = cv2.GaussianBlur(plate, (0, 0), 1.5)
    slow = cv2.GaussianBlur(plate.astype(np.float32), (0, 0), 3)
    painted = np.clip(slow + 2 * (plate - slow), 0, 255).astype(np.uint8)
    assert m.detail(plate, blurred, where) < 0.3
    assert m.detail(plate, painted, where) > 2.5
    assert m.detail(plate, np.clip(plate.astype(int) - 20, 0, 255).astype(np.uint8), where) == pytest.approx(
        1, abs=0.05
    )
    assert m.detail(plate, plate, np.zeros((SIZE, SIZE), bool)) is None


def test_flicker_is_one_for_the_plate_itself_and_grows_with_noise(plate: m.Picture, matte: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    plates = [np.clip(plate + rng.normal(0, 2, plate.shape), 0, 255).astype(np.uint8) for _ in range(4)]
    swaps = [np.clip(p + rng.normal(0, 6, p.shape), 0, 255).astype(np.uint8) for p in plates]
    assert m.flicker(plates, plates, [matte] * 4) == pytest.approx(1)
    assert m.flicker(plates, swaps, [matte] * 4) > 2


def people(count: int = 12) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    rng = np.random.default_rng(2)
    real = {f"{i}.jpg": 3 + rng.normal(0, 1, 32) for i in range(count)}
    return real, {name: name[:-4] for name in real}


@pytest.mark.parametrize(("share", "source", "target"), [(1.0, 1.0, 0.0), (0.0, 0.0, 1.0)])
def test_identity_tells_a_full_swap_from_none(share: float, source: float, target: float) -> None:
    real, names = people()
    pairs = [[f"{i}.jpg", f"{(i + 1) % 12}.jpg"] for i in range(12)]
    swaps = np.stack([share * real[a] + (1 - share) * real[b] for a, b in pairs])
    figures, hits = m.identity(swaps, pairs, real, names, np.mean(list(real.values()), axis=0))
    assert figures["source_found_first"] == source
    assert figures["target_found_first"] == target
    assert hits.mean() == source
    assert np.sign(figures["similarity"]) == (1 if share else -1)


def test_spread_is_between_the_worst_and_the_best_bin() -> None:
    rows = [{"ita_skin": "0", "age_est": "30", "yaw_deg": "0", "sex_est": "male"}] * 40
    rows += [{"ita_skin": "60", "age_est": "30", "yaw_deg": "0", "sex_est": "male"}] * 40
    rows += [{"ita_skin": "60", "age_est": "30", "yaw_deg": "40", "sex_est": "male"}] * 3
    hits = np.array([i % 4 == 0 for i in range(40)] + [i % 4 != 0 for i in range(40)] + [False] * 3)
    said = m.spread(hits, rows)
    assert said["points"] == pytest.approx(75 * 40 / 43 - 25 + 0, abs=0.1)
    assert list(said["found_percent_by_bin"]["yaw_deg"]) == ["1"], "three pairs are no bin"


def test_realism_is_about_one_for_real_pictures_and_large_for_others() -> None:
    rng = np.random.default_rng(5)
    real, more = rng.normal(1, 1, (200, 24)), rng.normal(1, 1, (200, 24))
    assert m.realism(more, real)["ratio"] < 3
    assert m.realism(more + 0.5, real)["ratio"] > 10


def test_bare_skin_lies_on_the_mesh() -> None:
    mesh = np.zeros((478, 2))
    for i, outline in enumerate(m.SKIN):
        turn = np.linspace(0, 2 * np.pi, len(outline), endpoint=False)
        mesh[list(outline)] = np.stack([30 + 30 * i + 8 * np.cos(turn), 64 + 8 * np.sin(turn)], 1)
    mask = m.bare_skin(mesh, SIZE)
    assert mask[64, 30]
    assert mask[64, 60]
    assert mask[64, 90]
    assert mask.mean() == pytest.approx(3 * np.pi * 64 / SIZE**2, rel=0.2)

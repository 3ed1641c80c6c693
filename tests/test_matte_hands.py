"""Bare hands before faces: their shape, how they are found, and what they do to the matte."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap import FaceSwapNode
from mobilefaceswap.demo.samples import AstronautClip
from mobilefaceswap.faces import Hand, HandFinder
from mobilefaceswap.geometry import fit_crop, sample_crop, scale_of
from mobilefaceswap.look import hands_matte
from mobilefaceswap.media import open_clip
from mobilefaceswap.packs import Crop, find_pack

SIDE = 224
FRAMES = (5, 103, 152)


def open_hand(centre: tuple[float, float], length: float, turn: float = 0.0) -> np.ndarray:
    """(21, 2): the points of a spread hand whose palm is ``length`` long."""
    points = [(0.0, 0.0)]
    for way, start, joint in ((-50, 0.45, 0.28), (-18, 0.95, 0.22), (0, 1.0, 0.25), (14, 0.95, 0.23), (30, 0.88, 0.18)):
        along = np.array([np.sin(np.radians(way)), -np.cos(np.radians(way))])
        points += [tuple((start + step * joint) * along) for step in range(4)]
    angle = np.radians(turn)
    turned = np.array(points) @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return turned * length + centre


def shape_of(points: np.ndarray, length: float) -> np.ndarray:
    """(SIDE, SIDE), bool: the same hand, drawn by discs along its bones, a little narrower than the matte's guess."""
    places = [points[0] + share * (points[k] - points[0]) for k in (1, 5, 9, 13, 17) for share in np.linspace(0, 1, 30)]
    fingers = [
        points[k] + share * (points[k + 1] - points[k])
        for finger in range(1, 21, 4)
        for k in range(finger, finger + 3)
        for share in np.linspace(0, 1, 12)
    ]
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    for radius, group in ((0.14, places), (0.085, fingers)):
        for x, y in group:
            cv2.circle(drawn, (round(x), round(y)), round(radius * length), 1, -1)
    return drawn > 0


def overlap(found: np.ndarray, wanted: np.ndarray) -> float:
    return float((found & wanted).sum() / (found | wanted).sum())


@pytest.mark.parametrize("turn", [-60, 0, 40])
def test_a_hand_of_nearly_the_same_colour_is_cut_out_along_its_edge(turn):
    points = open_hand((115, 150), 55, turn)
    wanted = shape_of(points, 55)
    light = np.linspace(0.8, 1.0, SIDE)[None, :, None]
    skin, hand = np.array((0.80, 0.60, 0.50)), np.array((0.76, 0.54, 0.45))
    crop = np.where(wanted[..., None], hand, skin) * light + np.random.default_rng(0).normal(0, 0.01, (SIDE, SIDE, 3))
    matte = hands_matte(np.clip(crop, 0, 1).astype(np.float32), [(points, 1.0)])
    assert overlap(matte > 0.5, wanted) > 0.9
    blank = hands_matte(np.full((SIDE, SIDE, 3), 0.5, np.float32), [(points, 1.0)])
    assert overlap(blank > 0.5, wanted) < overlap(matte > 0.5, wanted)


def test_a_larger_crop_shows_the_same_hand_and_an_unsure_one_counts_less():
    points = open_hand((115, 150), 55)
    crop = np.random.default_rng(1).uniform(0.4, 0.6, (SIDE, SIDE, 3)).astype(np.float32)
    one = hands_matte(crop, [(points, 1.0)])
    large = hands_matte(cv2.resize(crop, (2 * SIDE,) * 2), [(2 * points + 0.5, 1.0)])
    assert overlap(cv2.resize(large, (SIDE, SIDE)) > 0.5, one > 0.5) > 0.95
    assert not hands_matte(crop, []).any()
    assert not hands_matte(crop, [(points, 0.8)]).any()
    half = hands_matte(crop, [(points, 0.9)])
    np.testing.assert_allclose(half, 0.5 * one, atol=1e-3)


def test_the_same_hand_gives_the_same_matte_whatever_was_drawn_at_random_before():
    points = open_hand((115, 150), 55)
    crop = np.random.default_rng(1).uniform(0, 1, (SIDE, SIDE, 3)).astype(np.float32)
    first = hands_matte(crop, [(points, 1.0)])
    cv2.setRNGSeed(12345)
    np.testing.assert_array_equal(hands_matte(crop, [(points, 1.0)]), first)
    far = open_hand((-4e5, 9e5), 55)
    assert not hands_matte(crop, [(far, 1.0)]).any()


def test_a_clean_face_shows_no_hand_and_a_pack_without_the_networks_borrows_them(tiny_pack, base_pack, astronaut):
    finder = HandFinder(tiny_pack)
    assert "hands" not in tiny_pack.files
    assert finder.name == HandFinder(base_pack).name
    assert [hand.sure for hand in finder.find(np.asarray(astronaut.rgb, np.float32)) if hand.sure > 0.8] == []
    assert find_pack().files["hands"].licence == "Apache-2.0"


def test_where_no_pack_has_the_networks_no_hand_is_found(tiny_pack, monkeypatch):
    from mobilefaceswap.faces import hands

    monkeypatch.setattr(hands, "find_pack", lambda: tiny_pack)
    finder = HandFinder(tiny_pack)
    assert finder.find(np.zeros((64, 64, 3), np.float32)) == []


def test_networks_for_hands_change_no_identity(base_pack):
    from dataclasses import replace

    without = replace(base_pack, files={k: v for k, v in base_pack.files.items() if k not in ("palms", "hands")})
    assert without.content_hash == base_pack.content_hash


def test_the_node_keeps_a_hand_before_the_face(grace_hopper, monkeypatch):
    """The finder's answer, in pixels of what it was shown, lands on the right pixels of the plate."""
    clip = AstronautClip((640, 360), 4)
    node = FaceSwapNode(grace_hopper, clip)
    (face,) = node.render(1).swapped
    shown = []

    def find(self, picture):
        shown.append(picture.shape)
        scale = picture.shape[0] / 2.5 / SIDE
        # On the face's crop: the same hand, which the second, wider window sees as well.
        points = (open_hand((112, 150), 60) - (SIDE - 1) / 2) * scale + (picture.shape[0] - 1) / 2
        return [Hand(points, 1.0)] if len(shown) % 2 == 0 else []

    monkeypatch.setattr(HandFinder, "find", find)
    node = FaceSwapNode(grace_hopper, clip)
    covered = node.render(1, node.settings.replaced(occlusion=1.0)).layer("occlusion")
    matrix = fit_crop(face.landmarks, Crop(SIDE))
    crop = sample_crop(np.repeat(covered[..., None], 3, axis=2), matrix, SIDE)[..., 0]
    drawn = shape_of(open_hand((112, 150), 60), 60)
    assert overlap(crop > 0.5, drawn) > 0.6
    assert len(shown) == 2


def hands_of(media, frame: int) -> tuple[np.ndarray, list[Hand]]:
    """A plate of the clip that shows two bare hands, and what is found around them."""
    plate = np.clip(open_clip(media / "clips" / "lp_s20.mp4").frame(frame).rgb, 0, 1)
    part = np.ascontiguousarray(plate[380:780, 40:440])
    return part, HandFinder(find_pack()).find(part)


@pytest.mark.media
@pytest.mark.parametrize("frame", FRAMES)
def test_real_hands_are_found(media, frame):
    _, hands = hands_of(media, frame)
    assert [hand for hand in hands if hand.sure > 0.95]


def kept_of_a_real_hand(media, source, frame: int, turn: float) -> float:
    """Intersection over union inside the face of what is kept of a hand that is laid over a face in its own colour."""
    part, hands = hands_of(media, frame)
    hand = max((hand for hand in hands if hand.sure > 0.9), key=lambda hand: hand.points[:, 0].mean())
    lab = cv2.cvtColor(part, cv2.COLOR_RGB2Lab)
    (left, top), (right, bottom) = hand.points.min(axis=0) - 20, hand.points.max(axis=0) + 20
    red = np.zeros(lab.shape[:2], np.uint8)
    box = slice(round(top), round(bottom)), slice(round(left), round(right))
    red[box] = lab[box][..., 1] > 5
    red = cv2.morphologyEx(red, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)))
    _, labels, told, _ = cv2.connectedComponentsWithStats(red)
    alone = np.asarray(labels == 1 + told[1:, 4].argmax(), np.float32)

    clip = AstronautClip((960, 540), 2)
    node = FaceSwapNode(source, clip)
    plate, (face,) = clip.frame(0), node.render(0).swapped
    matrix = fit_crop(face.landmarks, Crop(SIDE))
    skin = cv2.cvtColor(sample_crop(plate.rgb, matrix, SIDE), cv2.COLOR_RGB2Lab)[125:140, 80:145].mean(axis=(0, 1))
    alike = cv2.cvtColor(lab + (skin - lab[alone > 0].mean(axis=0)), cv2.COLOR_Lab2RGB)
    size = 120 / scale_of(matrix) / np.ptp(hand.points, axis=0).max()
    move = cv2.getRotationMatrix2D(tuple(hand.points.mean(axis=0)), turn, size)
    move[:, 2] += face.landmarks[2:].mean(axis=0) - hand.points.mean(axis=0)
    share = cv2.GaussianBlur(cv2.warpAffine(alone, move, plate.size), (0, 0), 0.8)[..., None]
    pixels = plate.rgb * (1 - share) + np.clip(cv2.warpAffine(alike, move, plate.size), 0, 1) * share
    frame_with_hand = plate.with_pixels(np.asarray(pixels, np.float32))

    covered = node.render(0, node.settings, frame_with_hand).layer("occlusion")
    inside = np.zeros(plate.size[::-1], np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(face.landmarks.astype(np.float32)).astype(np.int32), 1)
    wide = cv2.dilate(inside, np.ones((9, 9), np.uint8)) > 0
    return overlap((covered > 0.5) & wide, (share[..., 0] > 0.5) & wide)


@pytest.mark.media
def test_real_hands_in_the_colour_of_the_face_are_kept(media, base_pack, grace_hopper):
    """0 to 0.02 without the hand networks. With them a hand in eight is missed, as over more places was measured."""
    kept = [kept_of_a_real_hand(media, grace_hopper, frame, turn) for frame in FRAMES for turn in (-25, 20)]
    assert np.median(kept) > 0.85
    assert sum(share >= 0.75 for share in kept) >= len(kept) - 1

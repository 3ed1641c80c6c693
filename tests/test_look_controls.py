"""Controls of the look: each one measured on pictures whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from drawn import MarkerDetector, drawn_frame
from mobilefaceswap import FaceSwapNode, Settings
from mobilefaceswap.colour import ColourSpace, from_display
from mobilefaceswap.faces import Track
from mobilefaceswap.frame import Frame
from mobilefaceswap.geometry import Rectangle
from mobilefaceswap.look import Swapped, face_colour
from mobilefaceswap.look.grain import measured, regrained
from mobilefaceswap.look.likeness import towards_source
from mobilefaceswap.look.match import colour_match
from mobilefaceswap.look.plate_grain import plate_grain
from mobilefaceswap.look.regions import features
from mobilefaceswap.look.sharpness import sharpness, sharpness_match
from mobilefaceswap.look.trims import trimmed
from mobilefaceswap.packs import TEMPLATES
from test_look import match_case

SIDE = 256
BARE = Settings(colour_match=0.0, plate_detail=0.0)


def on_plate(plate: np.ndarray, time: int = 0, space: ColourSpace = ColourSpace.SRGB) -> Swapped:
    """A face that fills ``plate`` (256, 256, 3), pixel for pixel."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[20:-20, 20:-20] = 1
    box = Rectangle(0, 0, SIDE, SIDE)
    return Swapped(time, plate, space, 1.0, plate, plate, mask, np.eye(2, 3), box, TEMPLATES["arcface-112"])


# Colour match


@pytest.mark.parametrize("method", ["mean-deviation", "covariance", "local"])
def test_every_match_brings_the_mean_to_the_plate_s(method):
    face = match_case()
    found = colour_match(face, face.colour, Settings(colour_match_method=method))
    weight = face.mask[..., None] / face.mask.sum()
    gap = np.abs(((found - face.crop) * weight).sum(axis=(0, 1)))
    assert np.abs(((face.colour - face.crop) * weight).sum(axis=(0, 1))).max() > 0.1
    assert gap.max() < (0.02 if method == "local" else 1e-4)


def test_a_finer_match_takes_patches_off_the_skin_and_leaves_features():
    face = match_case(224)
    points = face.template.on(face.mask.shape[0])
    y, x = np.mgrid[: face.mask.shape[0], : face.mask.shape[1]]
    width = face.template.face_width * face.mask.shape[0]

    def spot(at: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * (np.hypot(x - at[0], y - at[1]) / (0.06 * width)) ** 2)

    cheek = (points[1] + points[4]) / 2 + (0.08 * width, 0)
    for at, finer_takes_it in ((cheek, True), (points[0], False)):
        patch = np.float32(0.2) * spot(at).astype(np.float32)[..., None]
        place = tuple(np.rint(at[::-1]).astype(int))
        left = [
            colour_match(replace(face, colour=face.colour - patch), face.colour - patch, settings)[place].mean()
            - colour_match(face, face.colour, settings)[place].mean()
            for settings in (Settings(), Settings(colour_match_size=6.0))
        ]
        assert left[0] < -0.15
        assert bool(left[1] > 0.6 * left[0]) is finer_takes_it


@pytest.mark.parametrize("method", ["mean-deviation", "covariance", "local"])
def test_a_match_does_not_pump_in_flickering_light(method):
    """The face keeps its colour against the plate's: a match that looked at other frames would not."""
    face, apart = match_case(), []
    for light in (0.85, 1.0, 1.15, 0.9):
        lit = replace(face, crop=face.crop * np.float32(light), colour=face.colour * np.float32(0.5 + light / 2))
        found = colour_match(lit, lit.colour, Settings(colour_match_method=method))
        apart.append(((found - lit.crop) * face.mask[..., None]).sum(axis=(0, 1)) / face.mask.sum())
    assert np.abs(np.diff(apart, axis=0)).max() < 0.5 / 255


def covariance(picture: np.ndarray) -> np.ndarray:
    return np.cov(picture[20:-20, 20:-20].reshape(-1, 3).T)


def test_deviations_match_and_covariances_match():
    """The plate's colours are those of the face, turned and stretched by a known matrix."""
    random = np.random.default_rng(2)
    drawn = np.asarray(0.5 + 0.05 * random.standard_normal((SIDE, SIDE, 3)), np.float32)
    turn = np.array([[1.5, 0.3, 0], [0.2, 0.8, 0.1], [0, -0.3, 1.1]], np.float32)
    face = on_plate(np.asarray((drawn - 0.5) @ turn.T + (0.4, 0.5, 0.6), np.float32))
    by_each = colour_match(face, drawn, Settings(colour_match_method="mean-deviation"))
    together = colour_match(face, drawn, Settings(colour_match_method="covariance"))
    wanted = covariance(face.crop)
    np.testing.assert_allclose(np.diag(covariance(by_each)), np.diag(wanted), rtol=0.02)
    np.testing.assert_allclose(covariance(together), wanted, atol=0.02 * np.abs(wanted).max())
    assert np.abs(covariance(by_each) - wanted).max() > 0.1 * np.abs(wanted).max()


def test_match_off_is_no_match():
    face = match_case()
    assert colour_match(face, face.colour, Settings(colour_match_method="off")) is face.colour


@pytest.mark.parametrize("method", ["mean-deviation", "covariance"])
def test_a_match_of_an_even_face_or_an_empty_mask_stays_finite(method):
    face, settings = match_case(), Settings(colour_match_method=method)
    even = np.full_like(face.colour, 0.4)
    assert np.abs(colour_match(face, even, settings)).max() < 2
    empty = replace(face, mask=np.zeros_like(face.mask))
    np.testing.assert_array_equal(colour_match(empty, face.colour, settings), face.colour)


# Likeness


@pytest.mark.parametrize("amount", [0.0, 0.4, 1.0, 1.3])
def test_likeness_leads_from_the_target_s_face_to_the_network_s_and_beyond(amount):
    face = match_case()
    found = towards_source(face, face.colour, Settings(likeness=amount))
    np.testing.assert_allclose(found - face.crop, amount * (face.colour - face.crop), atol=1e-6)


def test_likeness_of_the_pack_that_ships_rises_with_its_setting(grace_hopper):
    """By the pack's own recogniser: likeness to the source rises, likeness to the target falls, beyond 1, too."""
    from mobilefaceswap.demo.samples import AstronautClip
    from mobilefaceswap.faces.choose import cosine
    from mobilefaceswap.identity import encode_face

    clip = AstronautClip((640, 360), frames=4)
    node = FaceSwapNode(grace_hopper, clip)
    (face,) = node.render(1).swapped
    own = encode_face(clip.frame(1), face, node.pack)["embedding"][0]
    source, target = [], []
    for amount in (0.0, 0.5, 1.0, 1.3):
        picture = node.render(1, node.settings.replaced(likeness=amount)).composite
        seen = encode_face(Frame(picture), face, node.pack)["embedding"][0]
        source.append(cosine(seen, node.identity.embedding))
        target.append(cosine(seen, own))
    assert source == sorted(source)
    assert target == sorted(target, reverse=True)
    assert target[0] > 0.97


# Trims


def light(picture: np.ndarray) -> np.ndarray:
    return from_display(picture, ColourSpace.LINEAR)


REC709 = np.array([0.2126, 0.7152, 0.0722])


def test_trims_are_what_they_say_in_scene_light():
    face = match_case()
    colour = np.clip(face.colour, 0.05, 0.9)

    def graded(**values):
        return light(trimmed(face, colour, Settings(**values)))

    before = light(colour)
    np.testing.assert_allclose(graded(face_exposure=1.0), 2 * before, rtol=1e-3, atol=1e-4)
    grey = graded(face_saturation=0.0)
    np.testing.assert_allclose(grey, (before @ REC709)[..., None] * np.ones(3), rtol=1e-3, atol=1e-4)
    warm = graded(face_warmth=1.0)
    ratio = (warm[..., 0] / warm[..., 2]) / (before[..., 0] / before[..., 2])
    np.testing.assert_allclose(ratio, 2.0, rtol=2e-3)
    np.testing.assert_allclose(warm @ REC709, before @ REC709, rtol=1e-3, atol=1e-4)
    assert trimmed(face, colour, Settings()) is colour


# Sharpness


def texture(deviation: float, seed: int = 3) -> np.ndarray:
    """Random detail at every scale, as skin and features are, blurred."""
    random, total = np.random.default_rng(seed), np.zeros((SIDE, SIDE))
    for scale in (1, 2, 4, 8, 16):
        layer = cv2.GaussianBlur(random.standard_normal((SIDE, SIDE)), (0, 0), scale)
        total += layer / layer.std()
    picture = cv2.GaussianBlur(total, (0, 0), deviation) if deviation else total
    return np.dstack([0.45 + 0.03 * picture] * 3).astype(np.float32)


@pytest.mark.parametrize("grain", [0.0, 0.02])
@pytest.mark.parametrize("focus", [0.8, 1.5, 2.5])
def test_a_sharp_face_becomes_as_soft_as_the_plate(focus, grain):
    """The blur that the match finds is the blur that the plate has, grain or not."""
    noise = grain * np.random.default_rng(9).standard_normal((SIDE, SIDE, 1))
    face = on_plate(np.asarray(texture(focus, seed=5) + noise, np.float32))
    matched = sharpness_match(face, texture(0), Settings(sharpness_match=1.0))
    inside = np.s_[30:-30, 30:-30]
    errors = {
        blur: np.abs(matched - (cv2.GaussianBlur(texture(0), (0, 0), blur) if blur else texture(0)))[inside].mean()
        for blur in (0.0, 0.4, 0.8, 1.15, 1.5, 2.0, 2.5, 3.3)
    }
    found = min(errors, key=lambda blur: errors[blur])
    assert found == pytest.approx(focus, abs=0.5)


def test_a_soft_face_is_sharpened_towards_the_plate():
    face, weight = on_plate(texture(0, seed=5)), on_plate(texture(0)).mask
    soft = texture(1.0)
    gaps = []
    for amount in (0.0, 0.5, 1.0):
        found = sharpness_match(face, soft, Settings(sharpness_match=amount))
        gaps.append(abs(np.log(sharpness(found, weight, 1.0) / sharpness(face.plate, weight, 1.0))))
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.1


def test_a_face_with_stronger_shading_is_not_sharpened_beyond_the_plate():
    """Nor is one that Plate Detail will make as sharp as the plate."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    shading = 0.2 * np.sin(rows / 2.5) * np.sin(columns / 2.5)
    face = on_plate(texture(0.8))
    shaded = np.asarray(face.plate + shading[..., None], np.float32)
    bare = Settings(sharpness_match=1.0, plate_detail=0.0)
    assert sharpness(shaded, face.mask, 1.0) < sharpness(face.plate, face.mask, 1.0)
    assert sharpness_match(face, shaded, bare) is shaded
    soft = texture(2.0)
    coarse = replace(face, crop=soft)
    assert np.abs(sharpness_match(coarse, soft, bare) - soft).max() > 0.03
    filled = sharpness_match(coarse, soft, bare.replaced(plate_detail=1.0))
    assert np.abs(filled - soft).max() < 0.005


def test_sharpness_ignores_the_exposure():
    weight = on_plate(texture(1)).mask
    assert sharpness(texture(1) * 3, weight, 1.0) == pytest.approx(sharpness(texture(1), weight, 1.0), rel=1e-3)


# Grain


def grainy(seed: int, deviation: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """A plate with a bright and a dark half and features, and its grain: coarser than pixels, correlated between
    channels, stronger in blue and where the plate is bright.
    """
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    clean = np.dstack([0.2 + 0.5 * x, 0.18 + 0.45 * x, 0.15 + 0.4 * x])
    clean[100:140, 60:100] += 0.2 * np.sin(40 * y)[100:140, 60:100, None]
    white = cv2.GaussianBlur(random.standard_normal((SIDE, SIDE, 3)), (0, 0), deviation)
    white = white / white.std() + 0.5 * white[..., :1] / white.std()
    grain = white / white.std(axis=(0, 1)) * (0.012, 0.012, 0.02) * (0.6 + clean[..., :1])
    return clean.astype(np.float32), grain.astype(np.float32)


def bands(grain: np.ndarray) -> np.ndarray:
    """(3, 6): the variance of grain of known origin in rings of frequency, from the coarsest measured to the finest."""
    part = grain[32:-32, 32:-32]
    window = np.outer(np.hanning(part.shape[0]), np.hanning(part.shape[1]))[..., None]
    power = np.abs(np.fft.fft2(part * window, axes=(0, 1))) ** 2 / (window**2).sum()
    line = np.fft.fftfreq(part.shape[0])
    radius = np.hypot(*np.meshgrid(line, line))
    edges = np.linspace(0.06, 0.5, 7)
    rings = [(radius >= low) & (radius < high) for low, high in pairwise(edges)]
    return np.stack([power[ring].mean(axis=0) for ring in rings], axis=1)


@pytest.mark.parametrize("deviation", [0.5, 0.7, 1.0])
def test_the_grain_s_spectrum_is_the_plate_s_within_ten_per_cent(deviation):
    """Averaged over frames, for a single draw of noise is no spectrum."""
    wanted, found = [], []
    for time in range(16):
        clean, grain = grainy(time, deviation)
        face = on_plate(clean + grain, time)
        wanted.append(bands(grain))
        found.append(bands(regrained(face, clean, Settings(regrain=1.0)) - clean))
    ratio = np.mean(found, axis=0) / np.mean(wanted, axis=0)
    strong = np.mean(wanted, axis=0) > 0.03 * np.mean(wanted, axis=0).max()
    assert strong.sum() >= 6
    np.testing.assert_allclose(ratio[strong], 1, atol=0.1)


def test_the_grain_follows_luminance_and_channels():
    clean, grain = grainy(4)
    added = regrained(on_plate(clean + grain), clean, Settings(regrain=1.0)) - clean
    for half in (np.s_[30:-30, 30:110], np.s_[30:-30, 150:-30]):
        np.testing.assert_allclose(added[half].std(axis=(0, 1)), grain[half].std(axis=(0, 1)), rtol=0.15)
    wanted, found = (np.corrcoef(values[30:-30, 30:-30].reshape(-1, 3).T) for values in (grain, added))
    np.testing.assert_allclose(found, wanted, atol=0.1)


def test_a_face_that_has_the_grain_gets_no_more_of_it():
    clean, grain = grainy(4)
    face = on_plate(clean + grain)
    again = regrained(face, face.plate, Settings(regrain=1.0))
    assert (again - face.plate).std() < 0.35 * grain.std()
    half = regrained(face, clean + grain * np.float32(0.5), Settings(regrain=1.0))
    assert (half - clean)[30:-30, 30:-30].std() == pytest.approx(grain.std(), rel=0.15)


PLATE_GRAIN = Settings(regrain=1.0, regrain_from="plate")


def test_plate_grain_is_the_plate_s_own_as_far_as_the_face_lacks_it():
    clean, grain = grainy(4)
    face = on_plate(clean + grain)
    inside = np.s_[30:-30, 30:-30]
    other = np.float32(0.6) * grainy(9)[1]
    for kept in (np.float32(0) * grain, np.float32(0.5) * grain, other):
        added = plate_grain(face, clean + kept, PLATE_GRAIN) - clean - kept
        assert np.corrcoef(added[inside].ravel(), grain[inside].ravel())[0, 1] > 0.9
        assert (kept + added)[inside].std() == pytest.approx(grain[inside].std(), rel=0.12)
    assert np.abs(plate_grain(face, face.plate, PLATE_GRAIN) - face.plate)[inside].std() < 0.1 * grain.std()


def test_plate_grain_stands_still_where_the_plate_s_does_and_one_way_excludes_the_other():
    clean, grain = grainy(4)
    one, later = (plate_grain(on_plate(clean + grain, time), clean, PLATE_GRAIN) for time in (7, 8))
    np.testing.assert_array_equal(one, later)
    face = on_plate(clean + grain)
    np.testing.assert_array_equal(regrained(face, clean, PLATE_GRAIN), clean)
    np.testing.assert_array_equal(plate_grain(face, clean, Settings(regrain=1.0)), clean)
    np.testing.assert_array_equal(plate_grain(on_plate(clean), clean, PLATE_GRAIN), clean)


def test_plate_grain_leaves_the_plate_s_features_where_they_are():
    """A mole and a wrinkle of the plate, ten times as strong as the grain."""
    clean, grain = grainy(4)
    drawn = np.zeros((SIDE, SIDE, 1), np.float32)
    cv2.line(drawn, (60, 120), (190, 140), 1, 2)
    cv2.circle(drawn, (90, 80), 4, 1, -1)
    feature = np.float32(-10 * grain.std()) * drawn
    plain, marked = (
        plate_grain(on_plate(clean + grain + more), clean, PLATE_GRAIN) - clean for more in (0 * feature, feature)
    )
    there = drawn[..., 0] > 0
    assert np.abs((marked - plain)[there]).mean() < 0.2 * np.abs(feature[there]).mean()


def test_grain_comes_from_the_frame_s_number_alone():
    clean, grain = grainy(4)
    one, same, other = (regrained(on_plate(clean + grain, time), clean, Settings(regrain=1.0)) for time in (7, 7, 8))
    assert one.tobytes() == same.tobytes()
    assert np.corrcoef((one - clean).ravel(), (other - clean).ravel())[0, 1] < 0.05


def compressed(picture: np.ndarray) -> np.ndarray:
    """As a codec of blocks of eight pixels leaves it."""
    bytes_ = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", bytes_, [cv2.IMWRITE_JPEG_QUALITY, 25])
    return cv2.imdecode(data, cv2.IMREAD_UNCHANGED).astype(np.float32) / 255


def grid(field: np.ndarray) -> float:
    """How much power lies at multiples of an eighth along both axes, over that halfway between them."""
    part = field[32:224, 32:224, 1]
    power = np.abs(np.fft.fft2(part * np.outer(np.hanning(192), np.hanning(192)))) ** 2
    power += power.T
    at = {number: power[number - 2 : number + 3, :12].mean() for number in range(36, 96, 12)}
    return float(np.mean([at[line] / np.sqrt(at[line - 12] * at[line + 12]) for line in (48, 72)]))


def test_the_blocks_of_a_codec_are_not_taken_for_grain():
    """The plate has a grid; the grain on a face that is smooth has none."""
    plates, fields = [], []
    for time in range(6):
        clean, grain = grainy(time)
        plate = compressed(clean + grain)
        plates.append(grid(plate - cv2.GaussianBlur(plate, (0, 0), 4)))
        fields.append(grid(regrained(on_plate(plate, time), clean, Settings(regrain=1.0)) - clean))
    assert np.mean(plates) > 1.2
    assert np.mean(fields) < 1.1


def test_grain_that_is_stretched_to_one_side_stays_so():
    """As a desqueezed plate has it."""
    ratios = []
    for time in range(4):
        clean, _ = grainy(time)
        white = np.random.default_rng(time).standard_normal((SIDE, SIDE, 3)).astype(np.float32)
        grain = 0.03 * cv2.GaussianBlur(white, (0, 0), sigmaX=1.2, sigmaY=0.6)
        added = regrained(on_plate(clean + grain, time), clean, Settings(regrain=1.0)) - clean
        parts = [field[32:224, 32:224] for field in (grain, added)]
        ratios.append([np.diff(part, axis=1).std() / np.diff(part, axis=0).std() for part in parts])
    wanted, found = np.mean(ratios, axis=0)
    assert wanted < 0.7
    assert found == pytest.approx(wanted, rel=0.1)


def test_hair_and_features_do_not_set_the_grain():
    """Dark and rough: around the mask, and where eyes and mouth lie."""
    clean, grain = grainy(4)
    plate = clean + grain
    rough = 0.2 * np.random.default_rng(0).standard_normal((SIDE, SIDE, 1)).astype(np.float32)
    drawn = features(TEMPLATES["arcface-112"].on(SIDE), SIDE)[..., None] > 0
    drawn[:20], drawn[-20:], drawn[:, :20], drawn[:, -20:] = True, True, True, True
    plate = np.where(drawn, 0.1 + rough, plate).astype(np.float32)
    dark = np.full_like(clean, 0.1)
    added = regrained(on_plate(plate), dark, Settings(regrain=1.0)) - dark
    darkest = grain[30:-30, 30:90].std()
    assert added[30:-30, 30:-30].std() < 1.3 * darkest


def test_a_small_face_has_its_grain():
    clean, grain = grainy(4)
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[150:222, 170:235] = 1
    face = replace(on_plate(clean + grain), mask=mask)
    added = regrained(face, clean, Settings(regrain=1.0)) - clean
    inside = np.s_[150:222, 170:235]
    assert added[inside].std() == pytest.approx(grain[inside].std(), rel=0.25)


def test_a_clean_plate_gives_no_grain():
    clean, _ = grainy(4)
    assert np.abs(regrained(on_plate(clean), clean, Settings(regrain=1.0)) - clean).max() < 2e-3
    assert measured(np.full((64, 64, 3), 0.5, np.float32), np.ones((64, 64), np.float32)) is None


def test_grain_is_the_same_in_any_order_and_from_caches(tiny_pack, tiny_identity):
    from drawn import DrawnClip

    settings = Settings(regrain=1.0)
    renders = []
    for times in ((3, 9), (9, 3)):
        node = FaceSwapNode(tiny_identity, DrawnClip(), pack=tiny_pack, faces=MarkerDetector())
        renders.append({time: node.render(time, settings).composite.tobytes() for time in times})
        assert node.render(3, settings).composite.tobytes() == renders[-1][3]
    assert renders[0] == renders[1]
    plate = drawn_frame(3)
    assert node.render(3, settings, plate).composite.tobytes() != node.render(9, settings, plate).composite.tobytes()


# Place


def middle(values: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: values.shape[0], : values.shape[1]]
    return np.array([(x * values).sum(), (y * values).sum()]) / values.sum()


PLACED = Settings(matte_source="hull", matte_feather=0.0, matte_smooth=0.0, plate_detail=0.0)


def test_scale_and_offset_move_matte_and_face_together(node: FaceSwapNode):
    plain = node.render(0, PLACED)
    width = 2 * np.linalg.norm(plain.swapped[0].landmarks[1] - plain.swapped[0].landmarks[0])
    moved = node.render(0, PLACED.replaced(face_offset_x=10.0, face_offset_y=5.0))
    np.testing.assert_allclose(middle(moved.matte) - middle(plain.matte), (0.1 * width, -0.05 * width), atol=0.5)
    larger = node.render(0, PLACED.replaced(face_scale=1.2))
    assert larger.matte.sum() / plain.matte.sum() == pytest.approx(1.44, rel=0.05)
    smaller = node.render(0, PLACED.replaced(face_scale=0.8))
    assert smaller.matte.sum() / plain.matte.sum() == pytest.approx(0.64, rel=0.05)
    untouched = moved.matte == 0
    assert moved.composite[untouched].tobytes() == drawn_frame(0).pixels[untouched].tobytes()


def tracked(tiny_pack, tiny_identity, step: float) -> FaceSwapNode:
    """A node whose track moves the face to the right by ``step`` pixels a frame, over one plate."""

    class Still:
        first, last = 0, 9

        def frame(self, time: int) -> Frame:
            return drawn_frame(0)

    (face,) = MarkerDetector().find(drawn_frame(0), 640, 0.5)
    faces = {time: (replace(face, landmarks=face.landmarks + ((time - 5) * step, 0)),) for time in range(10)}
    track = Track((320, 180), faces, "drawn", "markers")
    return FaceSwapNode(tiny_identity, Still(), pack=tiny_pack, faces=MarkerDetector(), track=track)


def test_motion_blur_is_as_long_as_the_face_moves_while_the_shutter_is_open(tiny_pack, tiny_identity):
    node = tracked(tiny_pack, tiny_identity, 24.0)
    sharp, blurred = node.render(5, PLACED), node.render(5, PLACED.replaced(motion_blur=0.5))
    row = round(float(middle(sharp.matte)[1]))

    def ramp(values: np.ndarray) -> float:
        """Width of the falling edge, from one end of its grey to the other."""
        line = values[row, round(float(middle(sharp.matte)[0])) :]
        return float((line < 0.1).argmax() - (line < 0.9).argmax()) / 0.8

    assert ramp(blurred.matte) == pytest.approx(np.hypot(12, ramp(sharp.matte)), abs=2.5)
    np.testing.assert_allclose(middle(blurred.matte), middle(sharp.matte), atol=0.3)
    vertical = [
        values[: round(float(middle(sharp.matte)[1])), round(float(middle(sharp.matte)[0]))]
        for values in (sharp.matte, blurred.matte)
    ]
    np.testing.assert_allclose(*vertical, atol=0.12)


def test_without_motion_or_without_a_track_there_is_no_blur(tiny_pack, tiny_identity, node):
    still = tracked(tiny_pack, tiny_identity, 0.0)
    settings = PLACED.replaced(motion_blur=1.0)
    np.testing.assert_array_equal(still.render(5, settings).matte, still.render(5, PLACED).matte)
    np.testing.assert_array_equal(node.render(5, settings).composite, node.render(5, PLACED).composite)


# Pixel boost


def test_parts_are_interleaved_and_come_back_in_place():
    from mobilefaceswap.node.road import _joined, _parted

    crop = np.random.default_rng(0).random((12, 12, 3), np.float32)
    parts = _parted(crop, 4)
    assert parts.shape == (9, 4, 4, 3)
    np.testing.assert_array_equal(parts[5], crop[1::3, 2::3])
    np.testing.assert_array_equal(_joined(parts), crop)


@pytest.mark.parametrize("boost", [2, 3, 4])
def test_pixel_boost_keeps_place_and_matte(node: FaceSwapNode, boost):
    plain, boosted = node.render(3, BARE), node.render(3, BARE.replaced(pixel_boost=f"{boost}x"))
    assert np.abs(boosted.matte - plain.matte).mean() < 0.01
    assert boosted.quality.magnification == pytest.approx(plain.quality.magnification / boost)
    np.testing.assert_allclose(middle(boosted.matte), middle(plain.matte), atol=0.4)


def test_pixel_boost_resolves_more_of_the_plate_with_the_pack_that_ships(grace_hopper):
    """Of detail that the network's own crop cannot hold, more of the plate's is there; nothing else is switched on."""
    from mobilefaceswap.demo.samples import AstronautClip

    large = AstronautClip((1920, 1080), frames=4)
    random = np.random.default_rng(0)
    pores = cv2.GaussianBlur(random.standard_normal((1080, 1920, 1)), (0, 0), 0.8)[..., None].astype(np.float32)
    plate = large.frame(1).with_pixels(large.frame(1).pixels + 0.02 * pores / pores.std())
    node = FaceSwapNode(grace_hopper, large)
    resolved = []
    for boost in ("1x", "2x"):
        result = node.render(1, node.settings.replaced(plate_detail=0.0, pixel_boost=boost), plate)
        solid = cv2.erode(result.matte, np.ones((31, 31))) == 1
        detail = [picture - cv2.GaussianBlur(picture, (0, 0), 1.0) for picture in (plate.rgb, result.composite)]
        there, wanted = (values[solid].ravel() for values in detail[::-1])
        resolved.append(float(there @ wanted / (wanted @ wanted)))
    assert resolved[1] > 1.5 * resolved[0]


def test_resting_controls_leave_the_face_s_bits():
    clean, grain = grainy(4)
    face = on_plate(clean + grain)
    rest = Settings(face_exposure=0, face_saturation=1, face_warmth=0, sharpness_match=0, regrain=0, motion_blur=0)
    assert face_colour(face, rest).tobytes() == face_colour(face, Settings()).tobytes()

"""Mixes of several identities: what is mixed, what is refused, and that the person is between those mixed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from commands import run
from drawn import DrawnClip, MarkerDetector
from mobilefaceswap import FaceSwapNode
from mobilefaceswap.errors import IdentityFileError, PackError, UserInputError
from mobilefaceswap.faces.choose import cosine
from mobilefaceswap.identity import Identity, load_source, mixed, prepare_identity
from mobilefaceswap.packs import find_pack


@pytest.fixture(scope="module")
def people(tiny_pack) -> list[Identity]:
    clip = DrawnClip()
    return [prepare_identity([("one", clip.frame(time))], tiny_pack, MarkerDetector()) for time in (0, 8)]


def test_weights_are_shares_and_one_alone_is_itself(people, tiny_pack):
    first, second = people
    alone = mixed(people, [3, 0], tiny_pack)
    mean = mixed(people, [3, 1], tiny_pack)
    assert any(not np.array_equal(first.weights[name], second.weights[name]) for name in first.weights)
    for name, values in first.weights.items():
        np.testing.assert_allclose(alone.weights[name], values, rtol=1e-6)
        np.testing.assert_allclose(mean.weights[name], 0.75 * values + 0.25 * second.weights[name], atol=1e-6)
    assert mean.content_hash not in (first.content_hash, second.content_hash)
    np.testing.assert_allclose(alone.embedding, first.embedding, rtol=1e-5)


@pytest.mark.parametrize("weights", [[1], [1, 1, 1], [0, 0], [1, -1], [1, float("nan")]])
def test_weights_that_do_not_fit_are_refused(people, tiny_pack, weights):
    with pytest.raises(UserInputError, match=r"weight of 0 or more for each of 2 identities"):
        mixed(people, weights, tiny_pack)


def test_identities_of_another_pack_are_refused(people, base_pack):
    with pytest.raises(IdentityFileError, match="prepared with"):
        mixed(people, [1, 1], base_pack)


def test_release_notes_are_joined(people, tiny_pack):
    signed = [one.with_release(note) for one, note in zip(people, ("contract 1", "contract 2"), strict=True)]
    assert mixed(signed, [1, 1], tiny_pack).release == "contract 1; contract 2"


def test_several_files_as_source_are_mixed_alike_and_not_beside_pictures(people, tiny_pack, tmp_path, grace_hopper):
    places = [tmp_path / f"{number}.idn" for number in range(2)]
    for place, one in zip(places, people, strict=True):
        one.save(place)
    both = load_source([*places], tiny_pack, MarkerDetector())
    assert both.content_hash == mixed(people, [1, 1], tiny_pack).content_hash
    with pytest.raises(UserInputError, match="found both"):
        load_source([places[0], grace_hopper], tiny_pack, MarkerDetector())


def test_a_pack_whose_network_takes_pictures_cannot_mix(tiny_pack):
    from dataclasses import replace

    from mobilefaceswap.packs import FaceInput, Normalisation
    from mobilefaceswap.swap.embedding import EmbeddingNetwork

    vectors = [{"identity": np.array([[3.0, 0.0]], np.float32)}, {"identity": np.array([[0.0, 3.0]], np.float32)}]
    middle = EmbeddingNetwork.mixed(tiny_pack, vectors, [0.5, 0.5])["identity"]
    np.testing.assert_allclose(middle, 3 / np.sqrt(2) * np.ones((1, 2)), rtol=1e-6)
    pictured = replace(
        tiny_pack, network=replace(tiny_pack.network, picture=FaceInput(tiny_pack.crop, Normalisation()))
    )
    with pytest.raises(PackError, match="takes a picture"):
        EmbeddingNetwork.mixed(pictured, vectors, [0.5, 0.5])


def test_the_command_line_mixes_with_weights(shot, grace_hopper, tmp_path, astronaut):
    from mobilefaceswap.media import create_output

    portrait = tmp_path / "astronaut.png"
    create_output(portrait).write(0, astronaut.pixels)
    names = []
    for place in (grace_hopper, portrait):
        names.append(tmp_path / f"{Path(place).stem}.idn")
        assert run("identity", place, "-o", names[-1]).returncode == 0
    done = run("identity", *names, "--weights", "2,1", "-o", tmp_path / "mix.idn", "--release", "both")
    assert done.returncode == 0, done.stderr
    made, one, other = (Identity.load(place) for place in (tmp_path / "mix.idn", *names))
    assert made.release == "both"
    assert cosine(made.embedding, one.embedding) > cosine(made.embedding, other.embedding) > 0.3
    for words in (("--weights", "2,x"), ("--weights", "2")):
        assert run("identity", *names, *words, "-o", tmp_path / "no.idn").returncode == 2
    assert run("identity", *names, "--ages", "30,60", "-o", tmp_path / "no.idn").returncode == 2
    aged = run("identity", *names, "--ages", "30,60", "--age", "40", "-o", tmp_path / "aged.idn")
    assert aged.returncode == 0, aged.stderr
    np.testing.assert_allclose(Identity.load(tmp_path / "aged.idn").embedding, made.embedding, atol=1e-5)


def test_a_mix_of_the_pack_that_ships_draws_a_face_between(grace_hopper, astronaut, tmp_path):
    """Near the mean of what each draws: the network is steady between two people's weights."""
    from mobilefaceswap.demo.samples import AstronautClip
    from mobilefaceswap.faces import open_detector

    pack = find_pack("base-224")
    detector = open_detector(pack, None)
    people = [load_source(grace_hopper, pack, detector), prepare_identity([("a", astronaut)], pack, detector)]
    sources = [*people, mixed(people, [1, 1], pack)]
    clip = AstronautClip((640, 360), frames=4)
    one, other, both = (FaceSwapNode(source, clip).render(1).composite for source in sources)
    apart = np.abs(one - other)
    assert apart.max() > 0.05
    assert np.abs(both - (one + other) / 2).mean() < 0.3 * apart.mean()

"""Mixes of several identities: what is mixed, what is refused, and that the person is between those mixed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commands import run
from drawn import DrawnClip, MarkerDetector
from mobilefaceswap import FaceSwapNode
from mobilefaceswap.cache import RenderCache
from mobilefaceswap.engine.nodes import Nodes
from mobilefaceswap.errors import IdentityFileError, PackError, UserInputError
from mobilefaceswap.faces.choose import cosine
from mobilefaceswap.identity import Identity, load_source, mixed, prepare_identity
from mobilefaceswap.media import create_output, read_picture
from mobilefaceswap.packs import find_pack
from mobilefaceswap.settings import HostSettings


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


@pytest.mark.parametrize("weights", [[1], [1, 1, 1], [0, 0], [1, -1], [1, float("nan")], [1e308, 1e308]])
def test_weights_that_do_not_fit_are_refused(people, tiny_pack, weights):
    with pytest.raises(UserInputError, match=r"weight of 0 or more for each of 2 identities"):
        mixed(people, weights, tiny_pack)


def test_identities_of_another_pack_are_refused(people, base_pack):
    with pytest.raises(IdentityFileError, match="prepared with"):
        mixed(people, [1, 1], base_pack)


def test_release_notes_are_joined(people, tiny_pack):
    signed = [one.with_release(note) for one, note in zip(people, ("contract 1", "contract 2"), strict=True)]
    both = mixed(signed, [1, 1], tiny_pack)
    assert both.release == "contract 1; contract 2"
    assert mixed([both, signed[1]], [1, 1], tiny_pack).release == "contract 1; contract 2"
    assert both.with_release("contract 3").release == "contract 1; contract 2; contract 3"


def test_release_notes_are_never_taken_apart(people, tiny_pack, tmp_path):
    """What is typed may hold any sign; what it allows belongs to its own contract."""
    notes = "contract 12; film only", "contract 13; film only"
    signed = [one.with_release(note) for one, note in zip(people, notes, strict=True)]
    mixed([*signed, signed[0]], [1, 1, 1], tiny_pack).save(tmp_path / "mix.idn")
    read = Identity.load(tmp_path / "mix.idn")
    assert read.releases == notes
    assert read.release == "contract 12; film only; contract 13; film only"
    assert read.with_release(notes[1]).releases == notes


def test_a_mix_records_who_is_in_it_by_how_much(people, tiny_pack, tmp_path):
    signed = [one.with_release(note) for one, note in zip(people, ("contract 1", "contract 2"), strict=True)]
    for one, name in zip(signed, ("a.idn", "b.idn"), strict=True):
        one.save(tmp_path / name)
    places = tmp_path / "mix.idn", tmp_path / "a.idn"
    load_source([tmp_path / "a.idn", tmp_path / "b.idn"], tiny_pack, None, weights=[3, 1]).save(places[0])
    parts = Identity.load(places[0]).parts
    assert [(part.name, part.share, part.releases) for part in parts] == [
        ("a.idn", 0.75, ("contract 1",)),
        ("b.idn", 0.25, ("contract 2",)),
    ]
    assert [part.content_hash for part in parts] == [one.content_hash for one in people]
    again = load_source([*places], tiny_pack, None)
    assert [(part.name, part.share) for part in again.parts] == [("a.idn", 0.375), ("b.idn", 0.125), ("a.idn", 0.5)]
    assert people[0].parts == ()


def test_the_command_line_shows_what_an_identity_file_records(people, tiny_pack, tmp_path):
    one, mix = tmp_path / "one.idn", tmp_path / "mix.idn"
    people[0].save(one)
    signed = [who.with_release(f"contract 1{number}; film only") for number, who in enumerate(people)]
    made = mixed(signed, [3, 1], tiny_pack, ["a.idn", "b\x1b[31m.idn"])
    made.save(mix)
    before = mix.read_bytes()
    shown = run("identity", "--show", one, mix)
    assert shown.returncode == 0, shown.stderr
    for said in (
        *(f"{one}: identity {people[0].content_hash[:12]} for pack tiny", "release  none recorded"),
        *(f"{mix}: identity {made.content_hash[:12]} for pack tiny", f"pack {tiny_pack.content_hash[:12]}"),
        f"mixed 0.75  'a.idn'  identity {people[0].content_hash[:12]}  'contract 10; film only'",
        "release  'contract 10; film only', 'contract 11; film only'",
        *("format mobilefaceswap-identity 1", "an icon of 96x96 pixels"),
    ):
        assert said in shown.stdout
    assert "\x1b" not in shown.stdout
    rows = [json.loads(line) for line in run("identity", one, mix, "--show", "--json").stdout.splitlines()]
    assert [row["release"] for row in rows] == [[], ["contract 10; film only", "contract 11; film only"]]
    assert rows[1]["mix"][0] == {
        **{"share": 0.75, "name": "a.idn", "hash": people[0].content_hash, "release": ["contract 10; film only"]}
    }
    assert rows[1] | {"hash": made.content_hash, "pack": "tiny", "pack_hash": tiny_pack.content_hash} == rows[1]
    assert (rows[1]["format"], rows[1]["version"]) == ("mobilefaceswap-identity", "1")
    assert mix.read_bytes() == before
    for words, said in (
        ((tmp_path / "none.idn", "--show"), "none.idn"),
        ((mix, "--show", "-o", one), "writes nothing"),
        ((mix,), "expected --output FILE.idn"),
    ):
        refused = run("identity", *words)
        assert refused.returncode == 2
        assert said in " ".join(refused.stderr.split())


def test_several_files_as_source_are_mixed_alike_and_not_beside_pictures(people, tiny_pack, tmp_path, grace_hopper):
    places = [tmp_path / f"{number}.idn" for number in range(2)]
    for place, one in zip(places, people, strict=True):
        one.save(place)
    both = load_source([*places], tiny_pack, MarkerDetector())
    assert both.content_hash == mixed(people, [1, 1], tiny_pack).content_hash
    with pytest.raises(UserInputError, match="found both"):
        load_source([places[0], grace_hopper], tiny_pack, MarkerDetector())


def test_a_face_cannot_be_chosen_of_an_identity(people, tiny_pack, tmp_path):
    people[0].save(tmp_path / "a.idn")
    with pytest.raises(UserInputError, match=r"found 3 for .*a\.idn, an identity"):
        load_source(tmp_path / "a.idn", tiny_pack, None, source_face=3)


def test_in_a_host_a_face_chosen_earlier_does_not_stand_in_an_identity_s_way(people, tiny_pack, tmp_path):
    people[0].save(tmp_path / "a.idn")
    host = HostSettings(source=str(tmp_path / "a.idn"), source_face=3, pack=str(tiny_pack.folder))
    assert Nodes(RenderCache()).node(host, None).identity.content_hash == people[0].content_hash


@pytest.fixture
def portraits(tmp_path) -> Path:
    """A folder with the drawn person at 20, 40 and 60, who turns while growing older."""
    for number, age in ((0, 20), (8, 40), (2, 60)):
        create_output(tmp_path / f"at_{age}.exr").write(0, DrawnClip().frame(number).pixels)
    (tmp_path / "ages.toml").write_text("".join(f'"at_{age}.exr" = {age}\n' for age in (20, 40, 60)))
    return tmp_path


def test_a_source_at_an_age_is_the_portraits_weighed(tiny_pack, portraits):
    def source(**more) -> Identity:
        return load_source(portraits, tiny_pack, MarkerDetector(), **more)

    assert source(age=25).content_hash == source(weights=[0.75, 0.25, 0]).content_hash
    assert source(age=60).content_hash == source(weights=[0, 0, 1]).content_hash
    assert [note.used for note in source(age=60).pictures] == [False, False, True]
    assert len({source(age=age).content_hash for age in (0, 20, 30, 40, 50)}) == 5
    (portraits / "ages.toml").unlink()
    with pytest.raises(UserInputError, match="ages of the portraits"):
        source(age=25)
    assert source().pictures[0].used


def test_every_front_s_node_shows_the_age(tiny_pack, portraits, monkeypatch):
    young, old = (
        FaceSwapNode(portraits, DrawnClip(), pack=tiny_pack, faces=MarkerDetector(), source_age=age) for age in (20, 60)
    )
    assert np.abs(young.render(5).composite - old.render(5).composite).max() > 1e-3
    monkeypatch.setattr("mobilefaceswap.engine.nodes.open_detector", lambda *_: MarkerDetector())
    nodes, host = Nodes(RenderCache()), HostSettings(source=str(portraits), pack=str(tiny_pack.folder), source_age=20)
    assert nodes.node(host, None).identity.content_hash == young.identity.content_hash
    aged = replace(host, source_age=60)
    assert nodes.node(aged, None).identity.content_hash == old.identity.content_hash
    swapped = (portraits / "ages.toml").read_text().replace("= 20", "= 600").replace("= 60\n", "= 20.0\n")
    (portraits / "ages.toml").write_text(swapped)
    assert nodes.node(host, None).identity.content_hash == old.identity.content_hash
    assert nodes.node(aged, DrawnClip().frame(0)).identity.pictures[0].name == "the Identity input"


def test_a_pack_whose_network_takes_pictures_cannot_mix(tiny_pack):
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
    portrait = tmp_path / "astronaut.png"
    create_output(portrait).write(0, astronaut.pixels)
    names = []
    for place in (grace_hopper, portrait):
        names.append(tmp_path / f"{Path(place).stem}.idn")
        assert run("identity", place, "-o", names[-1], "--release", names[-1].stem).returncode == 0
    done = run("identity", *names, "--weights", "2,1", "-o", tmp_path / "mix.idn", "--release", "both", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["release"] == [*(name.stem for name in names), "both"]
    assert [(part["name"], round(part["share"], 4)) for part in told["mix"]] == [
        *zip((name.name for name in names), (0.6667, 0.3333), strict=True)
    ]
    made, one, other = (Identity.load(place) for place in (tmp_path / "mix.idn", *names))
    assert made.release == f"{one.release}; {other.release}; both"
    assert cosine(made.embedding, one.embedding) > cosine(made.embedding, other.embedding) > 0.3
    for words in (("--weights", "2,x"), ("--weights", "2"), ("--ages", "30", "--age", "30")):
        assert run("identity", *names, *words, "-o", tmp_path / "no.idn").returncode == 2
    assert run("identity", *names, "--ages", "30,60", "-o", tmp_path / "no.idn").returncode == 2
    aged = run("identity", *names, "--ages", "30,60", "--age", "40", "-o", tmp_path / "aged.idn")
    assert aged.returncode == 0, aged.stderr
    np.testing.assert_allclose(Identity.load(tmp_path / "aged.idn").embedding, made.embedding, atol=1e-5)
    for place, age in zip(names, (30, 60), strict=True):
        with (place.parent / "ages.toml").open("a") as table:
            table.write(f'"{place.name}" = {age}\n')
    by_table = run("identity", *names, "--age", "40", "-o", tmp_path / "by_table.idn")
    assert by_table.returncode == 0, by_table.stderr
    one, other = (Identity.load(tmp_path / f"{name}.idn") for name in ("by_table", "aged"))
    assert one.content_hash == other.content_hash
    still = "frame", shot, "-f", 3, "-s", names[0]
    pictures = [tmp_path / f"{name}.exr" for name in ("by_age", "by_identity")]
    ways = (*still, "-s", names[1], "--source-age", "40"), ("frame", shot, "-f", 3, "-s", tmp_path / "aged.idn")
    for words, picture in zip(ways, pictures, strict=True):
        done = run(*words, "-o", picture)
        assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(*(read_picture(picture).pixels for picture in pictures))
    refused = run(*still, "-s", names[1], "--source-age", "70", "-o", tmp_path / "no.exr")
    assert refused.returncode == 2
    assert "from 30 to 60" in " ".join(refused.stderr.split())


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

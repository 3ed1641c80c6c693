"""Published swapping networks that packs can be made from: how each takes its faces, as data. None of them ships.

The facts are those of the networks' own code and of FaceFusion's table of models.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..packs import TEMPLATES, Crop, FaceInput, Normalisation

__all__ = ["PUBLISHED", "Published"]

_PLAIN = Normalisation()
_SIGNED = Normalisation(1.0, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_IMAGENET = Normalisation(1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_FRONTAL = "arcface-112-frontal"


@dataclass(frozen=True)
class Published:
    """One network. Its signature: the crop's side, what it takes of the source, and whether it gives a mask.

    picture: how it takes the source's picture; None if it takes an embedding. encoder: how its own recogniser takes a
    face; None if it has none, so that a converter is needed. unit_length: the embedding is divided by
    its length. maps: its last constant is the matrix by which the embedding is multiplied. marks: names of inputs or
    outputs that only this network has. by: who publishes it, and so whose licence counts.
    """

    name: str
    by: str
    size: int
    template: str
    input: Normalisation
    output: Normalisation
    picture: FaceInput | None = None
    encoder: FaceInput | None = None
    unit_length: bool = True
    maps: bool = False
    mask: bool = False
    marks: frozenset[str] = frozenset()


def _face(size: int, template: str, numbers: Normalisation) -> FaceInput:
    return FaceInput(Crop(size, TEMPLATES[template]), numbers)


ARCFACE = _face(112, "arcface-112", Normalisation(255.0, (127.5,) * 3, (127.5,) * 3))
"""How InsightFace's recognisers take a face; converters start from their embeddings."""

PUBLISHED = (
    Published("inswapper", "InsightFace", 128, "arcface-128", _PLAIN, _PLAIN, encoder=ARCFACE, maps=True),
    Published("simswap", "neuralchen", 256, _FRONTAL, _IMAGENET, _PLAIN, encoder=_face(112, _FRONTAL, _IMAGENET)),
    Published("simswap-512", "neuralchen", 512, _FRONTAL, _PLAIN, _PLAIN, encoder=_face(112, _FRONTAL, _IMAGENET)),
    Published(
        "ghost",
        "ai-forever",
        256,
        _FRONTAL,
        _SIGNED,
        _SIGNED,
        encoder=_face(112, _FRONTAL, _SIGNED),
        unit_length=False,
        marks=frozenset({"source_embedding", "781", "1165", "1549"}),
    ),
    Published("hififace", "GuijiAI", 256, "mtcnn-512", _SIGNED, _SIGNED, mask=True, marks=frozenset({"vsid"})),
    Published("hyperswap", "FaceFusion", 256, "arcface-128", _SIGNED, _SIGNED, encoder=ARCFACE, mask=True),
    Published("uniface", "xc-csc101", 256, "ffhq-512", _SIGNED, _SIGNED, picture=_face(256, "ffhq-512", _PLAIN)),
    Published("blendswap", "mapooon", 256, "ffhq-512", _PLAIN, _PLAIN, picture=_face(112, "arcface-112", _PLAIN)),
)

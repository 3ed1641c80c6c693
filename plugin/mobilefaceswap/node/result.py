"""The result of a render: pictures, made when first requested, and quality figures."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pkgutil import resolve_name

import numpy as np

from ..errors import UserInputError
from ..faces import Face
from ..frame import Floats, Frame, Part
from ..geometry import Rectangle
from ..look import Composition, Layer
from ..look.cryptomatte import manifest
from ..settings import OUTPUTS

__all__ = ["QualityRecord", "RenderResult"]

_CORNER = Rectangle(0, 0, 1, 1)


@dataclass(frozen=True)
class QualityRecord:
    """Quality figures of one frame: where to look twice. Shares are 0..1; of several swapped faces the worst counts.

    confidence: of the detector. roll: degrees clockwise, of the face that is rolled most. plausibility: how much its
    five points are like a face's. face_width: pixels of the plate. magnification: plate pixels for one pixel of the
    network's crop; above 1 the face is softer than the plate. outside: share of the crop beyond the plate's edge.
    clipped: share of the crop that display-referred sRGB cannot hold. matte: share of the plate under the matte.
    likeness: cosine to the reference picture, or None. filled: interpolated from neighbouring frames.
    presence: 1, or less where the swap fades out or in. not_finite: pixels under the matte that are NaN or infinite in
    the plate, and count as black, or whose alpha is that or below 0. by_person: faces swapped for each of several
    people, in their order.
    """

    faces_found: int = 0
    faces_swapped: int = 0
    confidence: float = 0.0
    roll: float = 0.0
    plausibility: float = 0.0
    face_width: float = 0.0
    magnification: float = 0.0
    outside: float = 0.0
    clipped: float = 0.0
    matte: float = 0.0
    likeness: float | None = None
    filled: bool = False
    presence: float = 0.0
    not_finite: int = 0
    by_person: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class RenderResult:
    """One rendered frame. Full pictures are made when first requested.

    plate: what was put in, in its working space. faces: all found; swapped: those replaced. changed: outside this
    rectangle the composite equals the plate and the matte is 0.
    """

    plate: Frame
    faces: tuple[Face, ...]
    swapped: tuple[Face, ...]
    quality: QualityRecord
    _drawn: Composition = field(repr=False)
    _pictures: dict[str, Floats] = field(repr=False, default_factory=dict)

    @property
    def changed(self) -> Rectangle:
        """See the class."""
        return self._drawn.changed

    @property
    def boxes(self) -> tuple[Rectangle, ...]:
        """``changed`` without most of what lies between faces that are apart: rectangles at least eight pixels from
        each other; an empty one where nothing changed.
        """
        return self._drawn.boxes or (self.changed,)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The swapped faces on the plate, lowest first."""
        return self._drawn.layers

    @property
    def header(self) -> dict[str, str]:
        """What a file that holds layers says of them: quality figures as JSON, and the manifest of ids."""
        names = sorted({layer.name for layer in self._drawn.layers})
        return {"mobilefaceswap/quality": json.dumps(asdict(self.quality)), **manifest(names)}

    @property
    def composite(self) -> Floats:
        """(H, W, 3|4) in the plate's encoding and premultiplication."""
        return self.layer("composite")

    @property
    def premultiplied(self) -> bool:
        """Whether the composite's colour is multiplied by its alpha: as the plate's is, never with Matte to Alpha."""
        return self.plate.premultiplied and not self._drawn.matte_to_alpha

    @property
    def face(self) -> Floats:
        """(H, W, 4) premultiplied over black, in the plate's encoding."""
        return self.layer("face")

    @property
    def matte(self) -> Floats:
        """(H, W), 0..1; all 0 in a frame without a face."""
        return self.layer("matte")

    def layer(self, output: str) -> Floats:
        """The picture of one of ``OUTPUTS``: (H, W, 3|4), or (H, W) for mattes. Raises UserInputError on another."""
        if output not in OUTPUTS:
            raise UserInputError(f"expected one of {', '.join(OUTPUTS)}; found {output!r}. Choose one of these layers")
        if output not in self._pictures:
            self._pictures[output] = _picture(output, self._drawn)
        return self._pictures[output]

    def changed_part(self, output: str) -> Floats:
        """``layer(output)`` inside ``changed``, without making the rest where there is no need."""
        return self._part(output, self.changed)

    def changed_parts(self, output: str) -> list[Part]:
        """As ``changed_part``, inside each of ``boxes``."""
        return [(box.slices, self._part(output, box)) for box in self.boxes]

    def _part(self, output: str, box: Rectangle) -> Floats:
        if OUTPUTS[output].whole:
            return self.layer(output)[box.slices]
        if box.empty:
            return _picture(output, self._drawn.part(_CORNER))[:0, :0]
        return _picture(output, self._drawn.part(box))


def _picture(output: str, drawn: Composition) -> Floats:
    return np.asarray(resolve_name(OUTPUTS[output].draw)(drawn), np.float32)

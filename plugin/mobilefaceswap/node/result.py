"""What a render gives: pictures made when first asked for, and figures of what to look at twice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..faces import Face
from ..frame import Floats, Frame, straight
from ..geometry import Matrix, Rectangle
from ..look import over, views
from ..look.over import Layer
from ..settings import OutputMode

__all__ = ["QualityRecord", "RenderResult"]


@dataclass(frozen=True)
class QualityRecord:
    """What to look at twice. Shares are 0..1; of several swapped faces the worst counts.

    confidence: of the detector. face_width: pixels of the plate. magnification: plate pixels for one pixel of the
    network's crop; above 1 the face is softer than the plate. outside: share of the crop beyond the plate's edge.
    clipped: share of the crop that display-referred sRGB cannot hold. matte: share of the plate under the matte.
    likeness: cosine to the reference picture, or None. filled: supplied by neighbouring frames.
    """

    faces_found: int = 0
    faces_swapped: int = 0
    confidence: float = 0.0
    face_width: float = 0.0
    magnification: float = 0.0
    outside: float = 0.0
    clipped: float = 0.0
    matte: float = 0.0
    likeness: float | None = None
    filled: bool = False


@dataclass(frozen=True, eq=False)
class RenderResult:
    """One rendered frame. Full pictures are made when they are first asked for.

    plate: what was put in, its working space resolved. changed: outside this rectangle composite equals plate and
    matte is 0.
    """

    plate: Frame
    faces: tuple[Face, ...]
    swapped: tuple[Face, ...]
    quality: QualityRecord
    changed: Rectangle
    _layers: tuple[Layer, ...] = field(repr=False, default=())
    _crops: tuple[tuple[Face, Matrix], ...] = field(repr=False, default=())
    _crop_size: int = field(repr=False, default=0)
    _matte_to_alpha: bool = field(repr=False, default=False)

    @cached_property
    def composite(self) -> Floats:
        """(H, W, 3|4) in the plate's encoding and premultiplication."""
        return over.composite(self.plate, self._layers, self._matte_to_alpha)

    @cached_property
    def face(self) -> Floats:
        """(H, W, 4) premultiplied over black, in the plate's encoding."""
        return over.face_picture(self.plate, self._layers)

    @cached_property
    def matte(self) -> Floats:
        """(H, W), 0..1; all 0 in a frame without a face."""
        return over.matte_picture(self.plate.size, self._layers)

    def layer(self, mode: OutputMode) -> Floats:
        """The picture of one output mode: (H, W, 3|4), for the matte (H, W)."""
        if mode is OutputMode.COMPOSITE:
            return self.composite
        if mode is OutputMode.FACE:
            return self.face
        if mode is OutputMode.FACE_UNPREMULTIPLIED:
            colour = straight(self.face[..., :3], self.face[..., 3], premultiplied=True)
            return np.dstack([colour, self.face[..., 3]])
        if mode is OutputMode.STATUS:
            return views.status_picture(self.plate.size, self._layers, self.matte)
        if mode is OutputMode.OVERLAY:
            return views.overlay_picture(self.plate, self.faces, self._crops, self._crop_size)
        return self.matte

    def changed_part(self, mode: OutputMode) -> Floats:
        """``layer(mode)`` inside ``changed``, without making the rest."""
        if self.changed.empty or mode is OutputMode.OVERLAY:
            return self.layer(mode)[self.changed.slices]
        plate = self.plate.with_pixels(self.plate.pixels[self.changed.slices])
        layers = tuple(
            replace(layer, region=layer.region.moved(-self.changed.x1, -self.changed.y1)) for layer in self._layers
        )
        return replace(self, plate=plate, _layers=layers).layer(mode)

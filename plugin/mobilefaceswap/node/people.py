"""Several people in one frame, each with a source and settings of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..errors import UserInputError
from ..frame import Floats, Frame
from ..look import Composition, Layer
from ..settings import Settings, table
from .lay import ExternalMattes, Shot, farthest_first, nearness
from .node import FaceSwapNode, result_of
from .over_time import Around
from .result import RenderResult
from .stages import StageTimes

__all__ = ["PeopleNode", "PersonNode"]


@dataclass(frozen=True, eq=False)
class PersonNode:
    """One of several people. settings: the person's own, by name; for the rest those of the frame count."""

    node: FaceSwapNode
    settings: Mapping[str, Any]


class PeopleNode:
    """Nodes that look at one plate, and whose faces lie over it together: what `FaceSwapNode` is for one person.

    Nobody sees what another's swap has made, so the order of ``people`` does not matter: the nearer face is in front.
    Where two of them choose the same face, the later one is. Their nodes share the clip, the pack, the track, the cache
    and ``stages``. Thread-safe. Raises UserInputError where there is nobody, or two choose a face in the same way.
    """

    def __init__(self, people: Sequence[PersonNode], settings: Settings) -> None:
        if not people:
            raise UserInputError("expected at least one person; found none. Give each a source")
        self.people, self.settings = tuple(people), settings
        _check_choices([settings.replaced(**person.settings) for person in people])

    @property
    def stages(self) -> StageTimes:
        """Seconds per stage, of all of them."""
        return self.people[0].node.stages

    @property
    def runtime(self) -> str:
        """What runs the network, with its version."""
        return self.people[0].node.runtime

    def render(
        self,
        time: int,
        settings: Settings | None = None,
        plate: Frame | None = None,
        *,
        inside: Floats | None = None,
        outside: Floats | None = None,
        around: Around | None = None,
    ) -> RenderResult:
        """The frame at ``time``, as `FaceSwapNode.render`. settings: this frame's, but for what each person has."""
        settings = settings or self.settings
        shown = self.people[0].node.plate(time, settings, plate)
        external = ExternalMattes(inside, outside)
        swapped = [
            person.node.swap(shown, settings.replaced(**person.settings), external, around) for person in self.people
        ]
        everyone = farthest_first(matte for faces in swapped for matte in faces.mattes)
        drawn = [person.node.lay(faces, everyone) for person, faces in zip(self.people, swapped, strict=True)]
        return self._together(settings, [faces.shot for faces in swapped], drawn)

    def _together(self, settings: Settings, shots: Sequence[Shot], drawn: Sequence[Composition]) -> RenderResult:
        faces = max((shot.faces for shot in shots), key=len)
        targets = tuple(target for shot in shots for target in shot.targets)
        likeness = min((shot.likeness for shot in shots if shot.likeness is not None), default=None)
        shot = replace(shots[0], settings=settings, faces=faces, targets=targets, likeness=likeness)
        layers = sorted((layer for one in drawn for layer in one.layers), key=partial(self._nearness, shot.plate.frame))
        crops = tuple(crop for one in drawn for crop in one.crops)
        whole = Composition(shot.plate.frame, tuple(layers), faces, crops, settings.matte_to_alpha)
        result = result_of(shot, whole)
        by_person = tuple(len(one.targets) for one in shots)
        return replace(result, quality=replace(result.quality, by_person=by_person))

    def _nearness(self, plate: Frame, layer: Layer) -> float:
        assert layer.face is not None
        return nearness(layer.face, self.people[0].node.pack.crop, plate)


def _check_choices(settings: Sequence[Settings]) -> None:
    seen: dict[object, int] = {}
    for number, one in enumerate(settings, start=1):
        first = seen.setdefault(_choice_of(one), number)
        if first != number:
            raise UserInputError(
                f"expected everybody to choose a face of their own; found person {first} and person {number} choosing "
                "in the same way. Give each a reference, a face_person (track id) or a face_index"
            )


def _choice_of(settings: Settings) -> tuple[tuple[str, Any], ...]:
    """What decides which face is taken: a value that has no effect tells nobody apart."""
    return tuple(
        (row.name, getattr(settings, row.name))
        for row in table()
        if row.stage == "choose" and row.counts_with(settings)
    )

"""Which published swapping network a file holds, told by what it takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PackError, UserInputError
from .published import PUBLISHED, Published

__all__ = ["Signature", "read_signature", "recognise"]


@dataclass(frozen=True)
class Signature:
    """What a swapping network takes and gives. source: numbers of its embedding, or side of its picture."""

    image: str
    size: int
    identity: str
    source: int
    takes_picture: bool
    colour: str
    mask: str

    @property
    def names(self) -> set[str]:
        """Of all inputs and outputs."""
        return {self.image, self.identity, self.colour, self.mask}


def read_signature(model: Any, path: Path) -> Signature:
    """Reads ranks and sizes of inputs and outputs, since names differ. Raises PackError."""
    constants = {item.name for item in model.graph.initializer}
    inputs = {item.name: _shape(item) for item in model.graph.input if item.name not in constants}
    pictures = {name: shape for name, shape in inputs.items() if len(shape) == 4 and shape[1] == 3 and shape[2] > 0}
    vectors = {name: shape for name, shape in inputs.items() if len(shape) == 2 and shape[1] > 0}
    named = [name for name in pictures if name in ("target", "input")] or list(pictures)
    outputs = {item.name: _shape(item) for item in model.graph.output}
    masks = [name for name, shape in outputs.items() if len(shape) == 4 and shape[1] == 1]
    colours = [name for name in outputs if name not in masks]
    others = {name: shape for name, shape in {**pictures, **vectors}.items() if name != named[0]} if named else {}
    if len(inputs) != 2 or len(others) != 1 or not colours:
        raise PackError(
            f"expected {path} to take a picture of fixed size and an embedding or a second picture, and to give a "
            f"picture; found inputs {inputs} and outputs {outputs}. It is not a swapping network of a known kind"
        )
    ((identity, shape),) = others.items()
    return Signature(
        named[0], pictures[named[0]][2], identity, shape[-1], len(shape) == 4, colours[0], masks[0] if masks else ""
    )


def _shape(item: Any) -> tuple[int, ...]:
    """Dimensions of an input or output; 0 where one is free."""
    return tuple(dimension.dim_value for dimension in item.type.tensor_type.shape.dim)


def recognise(signature: Signature, name: str | None) -> Published:
    """The published network of this signature. Raises UserInputError if it is none of them, or several."""
    fitting = [row for row in PUBLISHED if _fits(row, signature)]
    marked = [row for row in fitting if row.marks & signature.names]
    chosen = [row for row in PUBLISHED if row.name == name] if name else marked or fitting
    if len(chosen) == 1 and chosen[0] in fitting:
        return chosen[0]
    source = f"a picture of {signature.source} pixels" if signature.takes_picture else f"{signature.source} numbers"
    found = f"a crop of {signature.size} pixels and {source} in, {'' if signature.mask else 'no '}mask out"
    if len(chosen) > 1:
        raise UserInputError(
            f"expected one published network with this signature ({found}); it fits "
            f"{', '.join(row.name for row in chosen)}. Say which it is with --as"
        )
    raise UserInputError(
        f"expected a network with the signature of {name or ', '.join(row.name for row in PUBLISHED)}; found {found}. "
        "Write a pack.toml of your own for it, as the page on packs says"
    )


def _fits(row: Published, signature: Signature) -> bool:
    takes_picture = row.picture is not None
    source = row.picture.crop.size if row.picture else 512
    wanted = row.size, takes_picture, source, row.mask
    return wanted == (signature.size, signature.takes_picture, signature.source, bool(signature.mask))

"""A source person, read once: `sources` names the pictures, `recognise` encodes faces, `prepare` makes the `record`."""

from .mix import mixed
from .prepare import prepare_identity
from .recognise import encode_face
from .record import FORMAT, VERSION, Identity, Part, SourcePicture
from .sources import Source, load_source, picture_files, reference_embedding
from .weigh import AGES, ages_of, weights_at_age

__all__ = [
    "AGES",
    "FORMAT",
    "VERSION",
    "Identity",
    "Part",
    "Source",
    "SourcePicture",
    "ages_of",
    "encode_face",
    "load_source",
    "mixed",
    "picture_files",
    "prepare_identity",
    "reference_embedding",
    "weights_at_age",
]

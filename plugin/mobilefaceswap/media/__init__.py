"""Clips in, clips out: video files through PyAV, image sequences and stills through OpenImageIO and Pillow.

Values are code values: a video's 0..1 is its nominal black to white, and what lies beyond (super-white, out-of-gamut
colour) is kept below 0 and above 1. Whatever of an input is not honoured or not carried over is reported in one line
each, in the ``notes`` of clips and outputs.
"""

from __future__ import annotations

from ..files import write_failure
from .clip import Layers, MediaClip, Writer
from .declared import ClipFormat
from .mattes import MatteClip, matte_file, open_matte
from .open import PICTURE_ENDINGS, VIDEO_ENDINGS, create_output, open_clip
from .pictures.sequence import read_picture
from .places import check_free, check_input, check_output

__all__ = [
    "PICTURE_ENDINGS",
    "VIDEO_ENDINGS",
    "ClipFormat",
    "Layers",
    "MatteClip",
    "MediaClip",
    "Writer",
    "check_free",
    "check_input",
    "check_output",
    "create_output",
    "matte_file",
    "open_clip",
    "open_matte",
    "read_picture",
    "write_failure",
]

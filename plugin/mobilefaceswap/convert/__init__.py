"""Converts the files that the authors publish into a model pack, without their framework and without running their
pickles.

`pdparams` reads the files; `arcface` and `network` write the networks, with the help of `graph` and `layers`; `authors`
makes the pack.
"""

from .authors import convert_authors_files

__all__ = ["convert_authors_files"]

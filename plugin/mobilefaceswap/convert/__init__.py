"""Model packs from networks that others publish, without their frameworks and without running their pickles.

The files of MobileFaceSwap's authors: `pdparams` reads them, `arcface` and `network` write the networks with the tools
of `graph` and `layers`, `authors` makes the pack. Other swapping networks: `published` holds what is known of them,
`adopt` makes the pack. `written` puts a pack on disk.
"""

from .adopt import adopt_network
from .authors import convert_authors_files

__all__ = ["adopt_network", "convert_authors_files"]

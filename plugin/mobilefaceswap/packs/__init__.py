"""Model packs are data: a folder with ``pack.toml`` and ONNX files, verified by SHA-256 at every load.

`records` says what a pack is, `search` where it is found, `integrity` whether it is intact, `pull` how it is mended.
"""

from .integrity import FileState, examine, sha256_of, verify
from .pull import pull_pack
from .records import ROLES, Crop, EncoderInput, Pack, PackFile, read_pack
from .search import DEFAULT_PACK, find_pack, list_packs, locate_pack, pack_folders, pack_places

__all__ = [
    "DEFAULT_PACK",
    "ROLES",
    "Crop",
    "EncoderInput",
    "FileState",
    "Pack",
    "PackFile",
    "examine",
    "find_pack",
    "list_packs",
    "locate_pack",
    "pack_folders",
    "pack_places",
    "pull_pack",
    "read_pack",
    "sha256_of",
    "verify",
]

"""Model packs are data: a folder with ``pack.toml`` and ONNX files, verified by SHA-256 at every load.

`records` says what a pack is, `crop` how its networks want a face, `contracts` which kinds there are, `document` reads
``pack.toml``, `search` finds packs, `integrity` checks them, `pull` repairs them, `graph` changes ONNX files as they
are opened.
"""

from .contracts import CONTRACTS, Contract
from .crop import TEMPLATES, Crop, FaceInput, Normalisation, Template
from .document import read_pack
from .integrity import REINSTALL, FileState, examine, sha256_of, verify
from .records import Network, Pack, PackFile
from .search import DEFAULT_PACK, find_pack, list_packs, locate_pack, pack_folders, pack_places

__all__ = [
    "CONTRACTS",
    "DEFAULT_PACK",
    "REINSTALL",
    "TEMPLATES",
    "Contract",
    "Crop",
    "FaceInput",
    "FileState",
    "Network",
    "Normalisation",
    "Pack",
    "PackFile",
    "Template",
    "examine",
    "find_pack",
    "list_packs",
    "locate_pack",
    "pack_folders",
    "pack_places",
    "read_pack",
    "sha256_of",
    "verify",
]

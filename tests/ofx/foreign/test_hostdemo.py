"""The host that comes with the standard: it loads, describes and renders the node, as far as a poor host can.

MOBILEFACESWAP_HOSTDEMO names OpenFX's hostDemo, unchanged, built without assertions; without it nothing here runs. It
renders one effect that it knows by identifier, so a copy of the binary takes that name. It has no parameters of text:
no source can be chosen, and every frame must say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bundles import own_copy
from mobilefaceswap.ofx.install import binary_of

OURS, KNOWN = b"org.mobilefaceswap.FaceSwap\0", b"net.sf.openfx:invertPlugin\0\0"


def picture(file: Path) -> np.ndarray:
    """(height, width, 3) of a PPM of numbers in text, which has a comment after its first word."""
    words = " ".join(line.partition("#")[0] for line in file.read_text().splitlines()).split()
    kind, width, height, largest, *numbers = words
    assert (kind, largest) == ("P3", "255")
    return np.array(numbers, np.uint8).reshape(int(height), int(width), 3)


def test_hostdemo_loads_describes_and_renders(bundle: Path, environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = shutil.which(os.environ.get("MOBILEFACESWAP_HOSTDEMO") or "")
    if program is None:
        pytest.skip("MOBILEFACESWAP_HOSTDEMO names no hostDemo")
    copy = own_copy(bundle, tmp_path)
    content = binary_of(copy).read_bytes()
    assert content.count(OURS) == 1
    binary_of(copy).write_bytes(content.replace(OURS, KNOWN))
    environment.setenv("OFX_PLUGIN_PATH", str(copy.parent))
    done = subprocess.run([program], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    for effect in (KNOWN.rstrip(b"\0").decode(), "org.mobilefaceswap.FaceMatte"):
        described = said.partition(f"Plug-in:{effect}")[2].partition("Plug-in:")[0]
        assert "OfxImageEffectContextFilter" in described
        assert "OfxImageEffectContextGeneral" in described
    assert "OfxMessageError" in said
    assert "expected a source; none is chosen. Choose a picture" in said
    frames = [picture(file) for file in sorted(tmp_path.glob("Output.*.ppm"))]
    assert len(frames) >= 2
    for frame in frames:
        assert frame.shape == (576, 720, 3)
        assert {tuple(map(int, pixel)) for pixel in np.unique(frame.reshape(-1, 3), axis=0)} == {
            (255, 0, 255),
            (0, 0, 0),
        }

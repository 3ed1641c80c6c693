"""Puts the bundle of one platform into a wheel and names the wheel after it; a part of the package's build.

ofx_bridge/wheels.py says which bundle by the environment. Without it the wheel is pure and carries none, so that
nobody needs a compiler to build one.
"""

from __future__ import annotations

import os
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLE_VARIABLE, TAG_VARIABLE = "MOBILEFACESWAP_WHEEL_BUNDLE", "MOBILEFACESWAP_WHEEL_TAG"


class BundleHook(BuildHookInterface[Any]):
    """Hatchling finds it by its base class."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the bundle. Raises FileNotFoundError where the one that is named does not exist."""
        bundle, tag = os.environ.get(BUNDLE_VARIABLE), os.environ.get(TAG_VARIABLE)
        if version == "editable" or not bundle or not tag:
            return
        if not os.path.isdir(bundle):
            raise FileNotFoundError(f"expected a bundle at {bundle}; found none. Run `make release`")
        build_data["tag"] = f"py3-none-{tag}"
        build_data["pure_python"] = False
        build_data["force_include"][bundle] = f"mobilefaceswap/ofx/{os.path.basename(bundle)}"

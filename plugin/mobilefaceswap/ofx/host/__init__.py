"""A small OpenFX host: loads the built bundle through the C interface, makes instances, renders frames.

It plays the strict host in the tests and serves `mobilefaceswap ofx check`. What the effect does wrong by the standard
(names that there are not, inputs it did not declare, a parameter set while it renders) ends in an EngineError, where
hosts of the trade refuse silently.
"""

from .effect import Effect, Instance
from .images import Layout
from .load import Host

__all__ = ["Effect", "Host", "Instance", "Layout"]

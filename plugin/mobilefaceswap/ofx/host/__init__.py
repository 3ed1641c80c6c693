"""A small, strict OpenFX host: loads the bundle through the C interface, creates instances, renders frames.

Used by the tests and by `mobilefaceswap ofx check`. Breaches of the standard (unknown names, undeclared inputs, a
parameter set during render) raise EngineError, where real hosts refuse silently.
"""

from .effect import Effect, Instance
from .images import Layout
from .load import Host

__all__ = ["Effect", "Host", "Instance", "Layout"]

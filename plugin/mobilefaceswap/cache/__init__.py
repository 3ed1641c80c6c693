"""What is kept for later: arrays of renders by content (`render`), and what a process opens once (`registry`)."""

from .registry import Registry, opened
from .render import Arrays, RenderCache, key_of
from .shelf import MEGABYTE, memory_bound

__all__ = ["MEGABYTE", "Arrays", "Registry", "RenderCache", "key_of", "memory_bound", "opened"]

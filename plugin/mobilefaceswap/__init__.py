"""A face-swap node for video editing and compositing hosts."""

__version__ = "0.1.0"

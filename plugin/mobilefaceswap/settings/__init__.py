"""The one table of settings: `table` holds the rows, `outputs` the pictures that a node can show."""

from .outputs import OutputMode
from .setting import Setting
from .table import GROUPS, EngineFailure, FaceChoice, HostSettings, PlateColourSpace, Settings, table

__all__ = [
    "GROUPS",
    "EngineFailure",
    "FaceChoice",
    "HostSettings",
    "OutputMode",
    "PlateColourSpace",
    "Setting",
    "Settings",
    "table",
]

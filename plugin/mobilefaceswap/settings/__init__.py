"""The one table of settings: `table` holds the rows, `outputs` the pictures that a node can show."""

from .outputs import OUTPUTS, Alpha, Output, OutputMode, Outside
from .setting import Setting
from .table import GROUPS, EngineFailure, FaceChoice, HostSettings, PlateColourSpace, Settings, table

__all__ = [
    "GROUPS",
    "OUTPUTS",
    "Alpha",
    "EngineFailure",
    "FaceChoice",
    "HostSettings",
    "Output",
    "OutputMode",
    "Outside",
    "PlateColourSpace",
    "Setting",
    "Settings",
    "table",
]

"""The one table of settings: `table` holds the rows, `outputs` the pictures that a node can show."""

from .outputs import OUTPUTS, Alpha, Output, Outside, output_of
from .setting import Setting, Stage, Table
from .table import (
    GROUPS,
    ColourMatch,
    EngineFailure,
    FaceChoice,
    HostSettings,
    MatteSource,
    MissingFrames,
    RegrainFrom,
    Settings,
    table,
)

__all__ = [
    "GROUPS",
    "OUTPUTS",
    "Alpha",
    "ColourMatch",
    "EngineFailure",
    "FaceChoice",
    "HostSettings",
    "MatteSource",
    "MissingFrames",
    "Output",
    "Outside",
    "RegrainFrom",
    "Setting",
    "Settings",
    "Stage",
    "Table",
    "output_of",
    "table",
]

"""The swapping networks: crops in, colour and mask out, nothing composited, and steadied over time. `network` holds
their protocol."""

from .network import Portrait, SwapNetwork, network_class, open_network
from .steadied import carried_on, flow_between, steadied, turned_back

__all__ = [
    "Portrait",
    "SwapNetwork",
    "carried_on",
    "flow_between",
    "network_class",
    "open_network",
    "steadied",
    "turned_back",
]

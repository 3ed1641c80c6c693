"""The swapping networks: crops in, colour and mask out, nothing composited. `network` holds their protocol."""

from .network import Portrait, SwapNetwork, network_class, open_network

__all__ = ["Portrait", "SwapNetwork", "network_class", "open_network"]

"""The networks that swap: crops in, colour and mask out, nothing composited. `network` says what each kind must do."""

from .network import Portrait, SwapNetwork, network_class, open_network

__all__ = ["Portrait", "SwapNetwork", "network_class", "open_network"]

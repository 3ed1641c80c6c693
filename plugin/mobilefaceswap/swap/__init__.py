"""The networks that swap: `idn` runs one identity's specialised network."""

from .idn import SwapNetwork, swap_network

__all__ = ["SwapNetwork", "swap_network"]

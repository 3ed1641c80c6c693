"""The older recipe's modules bear the names of the newer one's: its tests run in a process of their own."""

collect_ignore = ["canvas"]

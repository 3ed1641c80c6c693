"""The demonstration (``make demo``), the pictures it uses, and the benchmarks."""

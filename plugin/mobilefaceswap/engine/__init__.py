"""The engine process: serves the node to the bridge in a host."""

"""The OpenFX bundle from Python's side: its generated table, its installation, and a small host that checks it."""

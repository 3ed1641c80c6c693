"""Pictures: stills and image sequences."""

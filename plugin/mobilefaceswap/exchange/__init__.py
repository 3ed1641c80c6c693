"""Tracks to and from other programs."""

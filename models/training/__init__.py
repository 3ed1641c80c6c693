"""Teach the networks. Imports none of the folders beside it."""

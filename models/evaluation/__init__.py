"""Measure a pack or a network in training by protocol 2."""

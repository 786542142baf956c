"""Exports over a long time, with all that goes wrong: `make soak`."""

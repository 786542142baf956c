"""Stores and lakes against real servers on loopback; a server that does not start fails a run."""

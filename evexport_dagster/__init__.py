"""Behavioural events and user profiles, delivered as files, exactly once."""

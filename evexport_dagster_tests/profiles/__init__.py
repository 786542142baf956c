"""Exports of profiles, from the source to the consumer's table."""

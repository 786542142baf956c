"""Data of Acme: exports of events, and what is made of them."""

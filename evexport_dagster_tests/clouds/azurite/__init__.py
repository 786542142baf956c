"""Azurite, the server of Azure Blob Storage, installed beside the interpreter by its lock file."""

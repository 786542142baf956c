"""Containers of Azure Blob Storage."""

from evexport_dagster.stores.azure.store import AzureStore

__all__ = ["AzureStore"]

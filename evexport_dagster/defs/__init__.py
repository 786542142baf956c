"""The only rooms that know Dagster: it displays what the ledger knows, and starts what people ask.

partition keys -> tasks -> (an asset's `deliver`) -> Batch -> IO manager -> project.deliver
"""

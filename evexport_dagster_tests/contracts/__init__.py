"""One suite for all of a kind, written from the contract and sharing no code with the package."""

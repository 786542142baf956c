"""What an export is told to do: its model, read from YAML with every fault at once."""

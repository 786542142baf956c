"""One module a command; each of them has it as `command`."""

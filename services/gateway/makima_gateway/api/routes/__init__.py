"""The routes, one module per subject; each sends one command to the owning service or runs one query."""

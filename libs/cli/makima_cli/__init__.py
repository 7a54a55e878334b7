"""The `makima` command line."""

"""The services; each is a process: `python -m services.<name>`."""

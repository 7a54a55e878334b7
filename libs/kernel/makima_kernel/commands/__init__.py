"""From a command to its events: deciders, handler, router, client."""

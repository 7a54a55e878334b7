"""The bus: connections, streams, commands and the pull loop on NATS."""

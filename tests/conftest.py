"""The servers that tests run on: `postgres_server`, `nats_server`, `database`, `pool`, `nats_url`, `nats`, `settings`, `make_postgres`, `make_nats`."""

pytest_plugins = ["tests.servers"]

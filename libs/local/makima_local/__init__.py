"""The embedded Postgres and NATS, and the runner that keeps processes alive: behind `makima up` and the tests."""

"""The servers that tests run on: `postgres_server`, `nats_server`, `database`, `pool`, `nats_url`, `nats`,
`settings`, `make_postgres`, `make_nats`.
"""

import os

pytest_plugins = ["tests.servers", "tests.patience"]

if "MAKIMA_E2E_URL" not in os.environ:  # else a stack elsewhere is tested, and the environment tells of it
    for name in [
        name for name in os.environ if name.startswith("MAKIMA_") and not name.startswith("MAKIMA_TEST_")
    ]:
        del os.environ[name]  # whoever runs the tests may have told their shell of a makima of their own

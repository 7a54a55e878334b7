"""The servers that tests run on: `postgres_server`, `nats_server`, `database`, `pool`, `nats_url`, `nats`,
`settings`, `make_postgres`, `make_nats`.
"""

import gc
import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.servers", "tests.patience"]

# How fast examples are made depends on what else the machine does; a test that hangs has its timeout.
settings.register_profile("makima", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("makima")

if "MAKIMA_E2E_URL" not in os.environ:  # else a stack elsewhere is tested, and the environment tells of it
    for name in [
        name for name in os.environ if name.startswith("MAKIMA_") and not name.startswith("MAKIMA_TEST_")
    ]:
        del os.environ[name]  # whoever runs the tests may have told their shell of a makima of their own


def pytest_collection_finish() -> None:
    """What was imported and collected stays for good: looking through it at each collection of garbage took
    an eighth of the processor's time.
    """
    gc.collect()
    gc.freeze()

"""A plugin: requests of a test wait as long as the test does, as on a busy machine the five seconds of a client
are not enough.
"""

import pytest
from makima_kernel.commands import client
from makima_kernel.testing import PATIENCE


@pytest.fixture(autouse=True)
def patient_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "DEFAULT_TIMEOUT_SECONDS", PATIENCE)

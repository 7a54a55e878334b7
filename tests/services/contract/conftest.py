"""A request waits as long as a test does: on a busy machine five seconds are not enough."""

import pytest
from makima_kernel.commands import client
from makima_kernel.testing import PATIENCE


@pytest.fixture(autouse=True)
def _patient_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "DEFAULT_TIMEOUT_SECONDS", PATIENCE)

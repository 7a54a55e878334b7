"""Requests of a test wait as long as the test does: on a busy machine the five seconds of a client are not
enough.
"""

import pytest
from makima_kernel.commands import client
from makima_kernel.testing import PATIENCE


@pytest.fixture(autouse=True)
def patient_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a `conftest` to import."""
    monkeypatch.setattr(client, "DEFAULT_TIMEOUT_SECONDS", PATIENCE)

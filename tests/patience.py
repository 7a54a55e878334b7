"""Requests of a test wait as long as the test does: on a busy machine the five seconds of a client are not
enough.
"""

import pytest
from makima_kernel.commands.client import Bus
from makima_kernel.testing import PATIENCE


@pytest.fixture(autouse=True)
def patient_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a `conftest` to import."""
    for ask in (Bus.ask, Bus.query):
        assert ask.__kwdefaults__ is not None
        monkeypatch.setitem(ask.__kwdefaults__, "timeout", PATIENCE)

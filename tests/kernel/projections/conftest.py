"""Projectors of the sample projection."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.projections import projector as project
from makima_kernel.projections.projector import Projector
from nats.aio.client import Client

from tests.kernel.projections.sample_projection import Replica, SampleProjection


@pytest.fixture
def replica(
    pool: asyncpg.Pool,
    log: Log,
    nats: Client,
    sample_projection: SampleProjection,
    monkeypatch: pytest.MonkeyPatch,
) -> Replica:
    """Makes a projector of the sample_projection; each call another replica."""
    monkeypatch.setattr(project, "_LEASE_RETRY_SECONDS", 0.05)
    monkeypatch.setattr(project, "_FAILURE_RETRY_SECONDS", 0.02)
    made: list[Projector] = []

    def make(
        projection: SampleProjection = sample_projection,
        on_commit: Callable[..., None] = lambda *_: None,
        **options: Any,
    ) -> Projector:
        settings: dict[str, Any] = {"lease": timedelta(seconds=1), "owner": f"replica-{len(made)}", **options}
        made.append(Projector(projection, pool, log, nats, on_commit=on_commit, **settings))
        return made[-1]

    return make

"""The servers of `makima up` while it runs."""

import asyncio
from pathlib import Path

import pytest
from makima_cli.up.servers import Servers
from makima_kernel.testing import eventually
from makima_local import log_file
from makima_local.nats import Nats

from tests.background import end


async def test_the_log_of_a_server_is_cut_back_while_it_runs(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger can make the broker write: it has a line for each login that it refuses."""
    monkeypatch.setattr(log_file, "MAX_LOG_FILE_BYTES", 100)
    monkeypatch.setattr(log_file, "SIZE_POLL_SECONDS", 0.01)
    nats = Nats(server_folder / "nats", tied=True)
    await nats.start()
    keeping = asyncio.create_task(Servers("", "", {"nats": nats}).keep(lambda _: None))
    try:
        await eventually((server_folder / "nats.old.log").exists)
    finally:
        await end(keeping)
        await nats.stop()

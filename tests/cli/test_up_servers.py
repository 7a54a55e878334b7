"""The servers of `makima up` while it runs."""

import pytest
from makima_cli.up.servers import Servers
from makima_kernel.testing import eventually
from makima_local import log_file

from tests.background import running
from tests.servers import MakeNats


async def test_the_log_of_a_server_is_cut_back_while_it_runs(
    make_nats: MakeNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger can make the broker write: it has a line for each login that it refuses."""
    monkeypatch.setattr(log_file, "MAX_LOG_FILE_BYTES", 100)
    monkeypatch.setattr(log_file, "SIZE_POLL_SECONDS", 0.01)
    nats = await make_nats()
    async with running(Servers("", "", {"nats": nats}).keep(lambda _: None)):
        await eventually(nats.log.with_name(f"{nats.log.stem}.old.log").exists)

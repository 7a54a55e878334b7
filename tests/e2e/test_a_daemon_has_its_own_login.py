"""Whoever reaches the broker's port is nobody; a daemon's token opens it, as that daemon alone, until it is
revoked.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from makima_kernel.nats.users import as_user
from makima_kernel.testing import eventually
from makima_schemas import permissions, subjects
from makima_sdk import Connection, Http
from nats.errors import Error as NatsError

from tests.e2e import stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(200)]


@asynccontextmanager
async def system(server_folder: Path) -> AsyncGenerator[Connection]:
    elsewhere = os.environ.get("MAKIMA_E2E_NATS_URL")
    if stack.ELSEWHERE and elsewhere:
        yield Connection(stack.ELSEWHERE, elsewhere, os.environ.get("MAKIMA_TOKEN"))
        return
    async with stack.running(stack.own_folder(server_folder, "logins"), cold=True) as ours:
        yield Connection(ours.url, ours.nats_url, ours.token)


async def test_it_comes_in_as_itself_alone_and_is_cut_off_with_its_token(server_folder: Path) -> None:
    async with system(server_folder) as at, Http(at.url, at.token) as http:
        issued = (await http.send("POST", "/tokens", {"role": "daemon", "daemon_id": "a-stranger"})).body
        if issued["nats_user"] is None:
            await http.send("DELETE", f"/tokens/{issued['id']}")
            pytest.skip("this stack's broker is not its own: it has no users of ours")
        refused: list[str] = []

        async def note(error: Exception) -> None:
            refused.append(str(error))

        own = as_user(at.nats_url, str(issued["nats_user"]), str(issued["nats_password"]))
        inbox = permissions.inbox("a-stranger")
        daemon = await nats.connect(own, inbox_prefix=inbox, error_cb=note, allow_reconnect=False)
        await daemon.publish(subjects.event("contract", "c1", "ContractStarted"), b"{}")
        await eventually(lambda: any("permissions violation" in each for each in refused))
        await http.send("DELETE", f"/tokens/{issued['id']}")
        await eventually(lambda: daemon.is_closed, because="its token was revoked")
        for stranger in (own, own.replace(f"{own.split('@')[0]}@", "nats://")):
            with pytest.raises(NatsError):
                await nats.connect(stranger, allow_reconnect=False)

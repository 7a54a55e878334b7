"""A daemon that is to start agents has a token of its own; one that is there for hooks may have an administrator's."""

from dataclasses import replace

import orjson
import pytest
from makima_daemon.app import NotItsTokenError
from makima_kernel.testing import PATIENCE
from makima_schemas import subjects

from tests.daemon.hook_calls import hook
from tests.daemon.machine import Machine
from tests.services.gateway.harness import ADMIN, created

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon agents")]


async def test_with_an_administrators_token_no_agents_are_started_and_it_is_said_how_to_make_another(
    machine: Machine,
) -> None:
    """It was ready, and accepted what it was asked for; the broker dropped its answers, and nothing was ever placed."""
    with pytest.raises(NotItsTokenError, match=f"--role daemon --daemon {machine.daemon_id}"):
        async with machine.daemon(connection=replace(machine.connection, token=ADMIN)):
            pytest.fail("it began")


async def test_without_a_command_it_has_no_room_and_holds_agents_of_any_contract_by_their_hooks(
    machine: Machine,
) -> None:
    machine.commands = {}
    contract = str((await created(machine.gateways.clients[0]))["id"])  # of no daemon
    beats = await machine.nats.subscribe(subjects.daemon_heartbeat(machine.daemon_id))
    async with machine.daemon(connection=replace(machine.connection, token=ADMIN)):
        told = [orjson.loads((await beats.next_msg(timeout=PATIENCE)).data)["capacity"] for _ in range(3)]
        assert told == [0, 0, 0], "the one by HTTP, and those by the broker"
        await hook(machine, contract, hook_event_name="SessionStart")
        await machine.until(contract, "builder", "ready")

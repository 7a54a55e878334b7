"""A daemon on the bus: the work of the contracts that it runs, nothing else, and under its own name."""

from collections.abc import AsyncIterator
from typing import Final, cast, get_args
from uuid import uuid4

import asyncpg
import orjson
import pytest
from makima_contract.handlers.commands import DAEMONS
from makima_contract.queries import Queries
from makima_kernel.commands.router import snake_case
from makima_kernel.event_log.append import Append, new_event
from makima_kernel.service.settings import Settings
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from makima_schemas.codec import Event
from makima_schemas.commands import Accepted, Request
from makima_schemas.contract import commands as c
from makima_schemas.envelope import EventMeta
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged
from nats.aio.client import Client

from tests.services.contract.harness import Contracts, running

HEARD: Final = SupervisorRegistered("c1", "d1", None, SupervisorState.WORKING, "plan")
COMMANDS: Final[tuple[type, ...]] = get_args(c.ContractCommand)


@pytest.fixture
async def contracts(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Contracts]:
    """Daemon d1 runs the contract c1."""
    async with running(settings, pool, nats) as made:
        await made.accepted("c1", c.CreateContract("demo", "ada"))
        await append(made, "supervisor-t1", HEARD)
        await eventually(lambda: Queries(pool).runs("default", "c1", "d1"))
        yield made


async def append(contracts: Contracts, stream: str, *events: Event) -> None:
    made = tuple(new_event(event) for event in events)
    await contracts.replicas[0].appender.append(
        Append("default", stream, uuid4(), b"", None, made, EventMeta())
    )


async def asked(nats: Client, daemon_id: str, name: str, target: str, /, **data: object) -> dict[str, object]:
    """The error, or what was accepted."""
    body = orjson.dumps(Request(uuid4(), target, data, actor="owner:ada"))
    reply = await nats.request(subjects.daemon_command(daemon_id, "contract", name), body, timeout=PATIENCE)
    answer = cast("dict[str, object]", orjson.loads(reply.data))
    return cast("dict[str, object]", answer.get("error", answer))


async def test_every_command_is_answered_to_every_daemon_as_the_table_says(
    contracts: Contracts, nats: Client
) -> None:
    for command in COMMANDS:
        name = snake_case(command.__name__)
        codes = {daemon: (await asked(nats, daemon, name, "c1")).get("code") for daemon in ("d1", "d2")}
        if command in DAEMONS:
            assert codes["d1"] not in {"FORBIDDEN", "CONTRACT_NOT_FOUND"}, name
            assert codes["d2"] == "CONTRACT_NOT_FOUND", name
        else:
            assert codes == {"d1": "FORBIDDEN", "d2": "FORBIDDEN"}, name
    assert (await asked(nats, "d1", "try_change_phase", "c1"))["code"] == "FORBIDDEN"


async def test_what_it_does_it_does_under_its_own_name(contracts: Contracts, nats: Client) -> None:
    done = await asked(nats, "d1", "create_task", "c1", task_id="t2", name="write")
    assert done["ok"] is True
    recorded = await contracts.log.stream("default", "contract-c1")
    assert recorded[-1].meta.get("actor") == "daemon:d1"


async def test_a_daemon_cannot_use_up_the_command_id_of_another(contracts: Contracts, nats: Client) -> None:
    taken = uuid4()
    body = orjson.dumps(Request(taken, "c1", {"task_id": "t2", "name": "write"}))
    await nats.request(subjects.daemon_command("d1", "contract", "create_task"), body, timeout=PATIENCE)
    reply = await contracts.ask("c1", c.CreateTask("t3", "review"), command_id=taken)
    assert isinstance(reply, Accepted), "IDEMPOTENCY_KEY_REUSED otherwise"


async def test_what_others_run_is_answered_as_what_is_not_there(contracts: Contracts, nats: Client) -> None:
    theirs = await asked(nats, "d2", "create_task", "c1", task_id="t2", name="write")
    nobodys = await asked(nats, "d2", "create_task", "nobody", task_id="t2", name="write")
    assert theirs == nobodys


async def test_a_contract_goes_over_to_the_daemon_whose_supervisor_spoke_last(
    contracts: Contracts, pool: asyncpg.Pool, nats: Client
) -> None:
    await append(
        contracts, "supervisor-t9", SupervisorRegistered("c1", "d2", None, SupervisorState.WORKING, "plan")
    )
    await eventually(lambda: Queries(pool).runs("default", "c1", "d2"))
    assert (await asked(nats, "d1", "create_task", "c1", task_id="t2", name="write"))[
        "code"
    ] == "CONTRACT_NOT_FOUND"
    silent = SupervisorStateChanged(
        "c1", "d1", None, SupervisorState.WORKING, SupervisorState.INTERRUPTED, "plan", "heartbeat_expired"
    )
    back = SupervisorStateChanged(
        "c1", "d1", None, SupervisorState.INTERRUPTED, SupervisorState.WORKING, "plan", "heartbeat"
    )
    await append(contracts, "supervisor-t1", silent)
    assert (await asked(nats, "d2", "create_task", "c1", task_id="t2", name="write"))["ok"] is True
    await append(contracts, "supervisor-t1", back)
    await eventually(lambda: Queries(pool).runs("default", "c1", "d1"))
    assert not await Queries(pool).runs("default", "c1", "d2")

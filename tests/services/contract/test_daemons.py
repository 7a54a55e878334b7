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
from makima_kernel.testing import eventually
from makima_schemas.codec import Event
from makima_schemas.commands import Accepted, Request
from makima_schemas.contract import commands as c
from makima_schemas.contract.events import ContractAssigned
from makima_schemas.daemon import DaemonAdmitted
from makima_schemas.envelope import EventMeta
from makima_schemas.supervisor import StateChangedBy, SupervisorRegistered, SupervisorStateChanged
from makima_schemas.supervisor import SupervisorState as S
from nats.aio.client import Client

from tests.daemon_requests import ask_as_daemon
from tests.services.contract.harness import Contracts, nothing_owed, running

HEARD: Final = SupervisorRegistered("c1", "d1", None, S.WORKING, "plan")
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
    answer = cast(
        "dict[str, object]", orjson.loads(await ask_as_daemon(nats, daemon_id, "contract", name, body))
    )
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
    created = [
        event
        for event in await contracts.log.stream("default", "contract-c1")
        if event.type == "TaskCreated" and orjson.loads(event.data)["task_id"] == "t2"
    ]
    assert [event.meta.get("actor") for event in created] == ["daemon:d1"]


async def test_a_daemon_cannot_use_up_the_command_id_of_another(contracts: Contracts, nats: Client) -> None:
    taken = uuid4()
    body = orjson.dumps(Request(taken, "c1", {"task_id": "t2", "name": "write"}))
    await ask_as_daemon(nats, "d1", "contract", "create_task", body)
    reply = await contracts.ask("c1", c.CreateTask("t3", "review"), command_id=taken)
    assert isinstance(reply, Accepted), "IDEMPOTENCY_KEY_REUSED otherwise"


async def test_what_others_run_is_answered_as_what_is_not_there(contracts: Contracts, nats: Client) -> None:
    theirs = await asked(nats, "d2", "create_task", "c1", task_id="t2", name="write")
    nobodys = await asked(nats, "d2", "create_task", "nobody", task_id="t2", name="write")
    assert theirs == nobodys


def heard(daemon_id: str, was: S, then: S, because: StateChangedBy = "heartbeat") -> SupervisorStateChanged:
    return SupervisorStateChanged("c1", daemon_id, None, was, then, "plan", because)


async def test_a_contract_is_assigned_to_the_daemon_heard_first(contracts: Contracts) -> None:
    async def assigned() -> bool:
        return ContractAssigned("d1", "first_heard") in await contracts.events("c1")

    await eventually(assigned)


async def test_a_daemon_takes_no_contract_by_a_heartbeat(
    contracts: Contracts, pool: asyncpg.Pool, nats: Client
) -> None:
    await append(contracts, "supervisor-t9", SupervisorRegistered("c1", "d2", None, S.WORKING, "plan"))
    await settled(contracts)
    assert await Queries(pool).runs("default", "c1", "d1")
    assert (await asked(nats, "d2", "create_task", "c1", task_id="t2", name="write"))[
        "code"
    ] == "CONTRACT_NOT_FOUND"
    await append(contracts, "supervisor-t1", heard("d1", S.WORKING, S.INTERRUPTED, "heartbeat_expired"))
    await append(contracts, "supervisor-t9", heard("d2", S.WORKING, S.IDLE))
    await settled(contracts)
    assert await Queries(pool).runs("default", "c1", "d1"), (
        "also after a verdict: a restoration gives it to another one"
    )
    await contracts.accepted("c1", c.AssignContract("d2", "restored", "k2", "t1"))
    await eventually(lambda: Queries(pool).runs("default", "c1", "d2"))
    assert (await asked(nats, "d2", "create_task", "c1", task_id="t2", name="write"))["ok"] is True
    await append(contracts, "supervisor-t1", heard("d1", S.INTERRUPTED, S.WORKING))
    await settled(contracts)
    assert not await Queries(pool).runs("default", "c1", "d1"), "who comes back does not take it back"


async def test_a_daemon_takes_no_contract_of_an_owner_that_it_does_not_serve(
    contracts: Contracts, pool: asyncpg.Pool, nats: Client
) -> None:
    await append(contracts, "daemon-bobs", DaemonAdmitted("bobs", "bob"))
    await append(contracts, "daemon-adas", DaemonAdmitted("adas", "ada"))
    await contracts.accepted("c2", c.CreateContract("demo", "ada"))
    await append(contracts, "supervisor-t8", SupervisorRegistered("c2", "bobs", None, S.WORKING, "plan"))
    await settled(contracts)
    assert (await asked(nats, "bobs", "create_task", "c2", task_id="t2", name="write"))[
        "code"
    ] == "CONTRACT_NOT_FOUND"
    await append(contracts, "supervisor-t7", SupervisorRegistered("c2", "adas", None, S.WORKING, "plan"))
    await eventually(lambda: Queries(pool).runs("default", "c2", "adas"))


async def test_an_assignment_decides_whatever_is_heard(
    contracts: Contracts, pool: asyncpg.Pool, nats: Client
) -> None:
    await contracts.accepted("c1", c.AssignContract("d2", "restored", "connection-2", "t1"))
    await eventually(lambda: Queries(pool).runs("default", "c1", "d2"))
    await append(contracts, "supervisor-t1", heard("d1", S.WORKING, S.INTERRUPTED, "heartbeat_expired"))
    assert (await asked(nats, "d1", "create_task", "c1", task_id="t2", name="write"))[
        "code"
    ] == "CONTRACT_NOT_FOUND"


async def settled(contracts: Contracts) -> None:
    """Wait until the projection has seen the log and the starter has asked for all that it found."""
    await eventually(lambda: nothing_owed(contracts))

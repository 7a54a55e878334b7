"""Verdicts on the bus: applied to the silent, refused where the recorder knows better, and healed by the next
heartbeat.
"""

from dataclasses import replace
from datetime import timedelta
from typing import cast
from uuid import uuid4

import asyncpg
import orjson
import pytest
from makima_kernel.service.contracts_settings import FeatureFlags
from makima_kernel.service.settings import Settings
from makima_schemas import subjects
from makima_schemas.commands import Accepted, Problem, Request, decode_reply
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected, DeclareDisconnected
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import DeclareSilent, SupervisorState, SupervisorStateChanged
from makima_supervisor_heartbeat import app
from nats.aio.client import Client

from tests.daemon_requests import ask_as_daemon
from tests.services.supervisor_heartbeat.harness import Running, daemon_beat, running, supervisor_beat


async def test_a_silent_supervisor_is_interrupted_and_its_next_heartbeat_heals_it(fleet: Running) -> None:
    sequence = await fleet.beat(supervisor_beat("t1"))
    await fleet.until("supervisor-t1", 1)
    await fleet.recorded()
    reply = await fleet.ask("t1", DeclareSilent("t1-1", await fleet.evidence(sequence)))
    assert isinstance(reply, Accepted)
    assert reply.changed
    await fleet.beat(supervisor_beat("t1"))
    *_, interrupted, healed = await fleet.until("supervisor-t1", 3)
    assert isinstance(interrupted, SupervisorStateChanged)
    assert interrupted.new_state is SupervisorState.INTERRUPTED
    assert interrupted.evidence is not None
    assert interrupted.evidence.stream_sequence == sequence
    assert isinstance(healed, SupervisorStateChanged)
    assert (healed.old_state, healed.new_state) == (SupervisorState.INTERRUPTED, SupervisorState.WORKING)


async def test_a_heartbeat_that_was_on_its_way_refuses_the_verdict(fleet: Running) -> None:
    sequence = await fleet.beat(supervisor_beat("t1"))
    await fleet.until("supervisor-t1", 1)
    await fleet.beat(supervisor_beat("t1"))
    await fleet.recorded()
    reply = await fleet.ask("t1", DeclareSilent("t1-1", await fleet.evidence(sequence)))
    assert reply == Accepted(1, reply.position if isinstance(reply, Accepted) else 0, changed=False)


async def test_a_verdict_waits_for_the_recorder_and_is_refused_while_it_is_behind(fleet: Running) -> None:
    sequence = await fleet.beat(supervisor_beat("t1"))
    await fleet.until("supervisor-t1", 1)
    ahead = await fleet.evidence(sequence, after=timedelta(hours=1))
    reply = await fleet.ask("t1", DeclareSilent("t1-1", ahead))
    assert isinstance(reply, Problem)
    assert reply.code is ErrorCode.UNAVAILABLE
    assert len(await fleet.events("supervisor-t1")) == 1


async def test_two_replicas_that_find_the_same_silence_get_the_same_answer(fleet: Running) -> None:
    sequence = await fleet.beat(supervisor_beat("t1"))
    await fleet.until("supervisor-t1", 1)
    await fleet.recorded()
    evidence, command_id = await fleet.evidence(sequence), uuid4()
    first = await fleet.ask("t1", DeclareSilent("t1-1", evidence), command_id)
    second = await fleet.ask(
        "t1", DeclareSilent("t1-1", replace(evidence, decided_by="the other", lateness_ms=7.0)), command_id
    )
    assert first == second == Accepted(2, 4)
    assert len(await fleet.events("supervisor-t1")) == 2


async def test_an_incarnation_that_was_replaced_neither_speaks_nor_is_judged(fleet: Running) -> None:
    await fleet.beat(supervisor_beat("t1", connection_id="old"))
    newest = await fleet.beat(supervisor_beat("t1", connection_id="new"))
    await fleet.until("supervisor-t1", 2)
    zombie = await fleet.beat(supervisor_beat("t1", SupervisorState.FAILED, connection_id="old"))
    await fleet.recorded()
    assert len(await fleet.rows()) == 3
    latest = await fleet.latest("supervisor-t1")
    assert latest is not None
    assert latest["sequence"] == newest
    reply = await fleet.ask("t1", DeclareSilent("old", await fleet.evidence(zombie)))
    assert isinstance(reply, Accepted)
    assert not reply.changed
    reply = await fleet.ask("t1", DeclareSilent("new", await fleet.evidence(newest)))
    assert isinstance(reply, Accepted)
    assert reply.changed


async def test_a_silent_daemon_is_disconnected_and_its_next_heartbeat_connects_it(fleet: Running) -> None:
    sequence = await fleet.beat(daemon_beat("d7"))
    await fleet.until("daemon-d7", 1)
    await fleet.recorded()
    reply = await fleet.ask("d7", DeclareDisconnected(await fleet.evidence(sequence)))
    assert isinstance(reply, Accepted)
    await fleet.beat(daemon_beat("d7"))
    assert [type(event) for event in await fleet.until("daemon-d7", 3)] == [
        DaemonConnected,
        DaemonDisconnected,
        DaemonConnected,
    ]


async def test_a_verdict_that_does_not_fit_is_refused_in_its_place_as_it_is_alone(fleet: Running) -> None:
    sequence = await fleet.beat(supervisor_beat("t1"))
    await fleet.until("supervisor-t1", 1)
    await fleet.beat(daemon_beat("d7"))
    await fleet.until("daemon-d7", 1)
    await fleet.recorded()
    evidence = await fleet.evidence(sequence)
    fit = {"connection_id": "t1-1", "evidence": evidence}
    unfit = Request(uuid4(), "t1", {**fit, "conection_id": "t1-1"})
    unreadable = {"target": "t1", "data": fit}
    alone = await fleet.service.bus.ask(app.NAME, "declare_silent", unfit)
    assert isinstance(alone, Problem)
    assert alone.code is ErrorCode.INVALID_REQUEST
    question: dict[str, object] = {
        "silent": [unfit, Request(uuid4(), "t1", fit), unreadable, 7],
        "disconnected": [Request(uuid4(), "d7", {"evidence": evidence, "reason": "lunch"})],
    }
    answer = await fleet.service.bus.query(app.NAME, "declare_all", question)
    assert isinstance(answer, dict)
    silent = [decode_reply(orjson.dumps(reply)) for reply in cast("list[object]", answer["silent"])]
    assert silent[0] == alone
    assert isinstance(silent[1], Accepted)
    assert silent[1].changed
    (disconnected,) = [
        decode_reply(orjson.dumps(reply)) for reply in cast("list[object]", answer["disconnected"])
    ]
    assert [_places(reply) for reply in (silent[0], silent[2], silent[3], disconnected)] == [
        ["conection_id"],
        ["command_id"],
        [""],
        ["reason"],
    ]
    assert len(await fleet.events("daemon-d7")) == 1


def _places(reply: object) -> list[str]:
    assert isinstance(reply, Problem)
    assert reply.code is ErrorCode.INVALID_REQUEST
    return [str(error["path"]) for error in cast("list[dict[str, object]]", reply.members["errors"])]


@pytest.mark.parametrize("name", ["declare_all", "declare_silent", "declare_disconnected"])
async def test_a_daemon_gives_no_verdicts(fleet: Running, name: str) -> None:
    assert b"FORBIDDEN" in await ask_as_daemon(fleet.nats, "d1", app.NAME, name, b"{}")
    assert b"error" in (await fleet.nats.request(subjects.command(app.NAME, name), b"[]")).data


async def test_with_the_feature_off_heartbeats_are_stored_and_no_verdict_is_applied(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    off = settings.model_copy(update={"feature_flags": FeatureFlags(supervisor_heartbeat=False)})
    async with running(off, pool, nats) as fleet:
        sequence = await fleet.beat(supervisor_beat("t1"))
        await fleet.until("supervisor-t1", 1)
        reply = await fleet.ask("t1", DeclareSilent("t1-1", await fleet.evidence(sequence)))
        assert isinstance(reply, Problem)
        assert reply.code is ErrorCode.FEATURE_OFF
        assert len(await fleet.rows()) == 1
        assert len(await fleet.events("supervisor-t1")) == 1

"""A script as an agent, command by command: offline → ready → working → ready → offline (the plan's phase 6)."""

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import orjson
import psutil
import pytest
from makima_cli.agent_identity import Identity
from makima_kernel.testing.eventually import PATIENCE

from tests.cli.agents_served import Team, environ, gateways, team
from tests.cli.conftest import Makima, Start

__all__ = ("environ", "gateways", "team")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("agent commands")]

CONNECTION = {"MAKIMA_CONNECTION_ID": "script-1"}


def _object(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value)


async def test_a_script_goes_from_offline_to_ready_to_working_to_ready_to_offline(
    makima: Makima, process: Start, team: Team, environ: dict[str, str]
) -> None:
    environ |= CONNECTION
    waiting = await process("agent", "wait-for-task")
    await team.turns("ready")
    created = await team.task("build it")
    out, err = await asyncio.wait_for(waiting.communicate(), PATIENCE)
    task = _object(orjson.loads(out))
    assert (waiting.returncode, err, task["id"], task["connection_id"]) == (0, b"", created.id, "script-1")
    await team.turns("working")  # it holds a task
    assert (await makima("agent", "task-started", created.id)).exit == 0
    assert (await team.find("build it")).status == "running"
    await team.turns("working")
    done = await makima("agent", "task-complete", created.id, "--result", "built", "--format", "json")
    assert (_object(done.json)["status"], _object(done.json)["result"]) == ("completed", "built")
    await team.turns("ready")
    assert (await makima("agent", "leave")).exit == 0
    await team.turns("offline")


async def test_a_handoff_makes_it_ready_and_gives_the_other_role_a_task(makima: Makima, team: Team) -> None:
    await team.task("build it")
    task = _object((await makima("agent", "wait-for-task", **CONNECTION)).json)
    handed = await makima(
        "agent", "handoff", str(task["id"]), "--to", "tester", "--result", "x", **CONNECTION
    )
    assert (handed.exit, handed.err) == (0, "")
    await team.turns("ready")
    assert [
        each.role for each in await team.contracts.tasks(team.contract_id) if each.status == "pending"
    ] == ["tester"]


async def test_each_step_that_succeeds_is_one_json_value(makima: Makima, team: Team) -> None:
    async def step(*words: str) -> Mapping[str, object]:
        ran = await makima("agent", *words, "--format", "json", **CONNECTION)
        assert (ran.exit, ran.err) == (0, ""), words
        return _object(ran.json)

    created = await team.task("build it")
    assert (await step("wait-for-task"))["id"] == created.id
    started = await step("task-started", created.id[:8])
    assert (started["id"], started["status"]) == (created.id, "running")
    handed = await step("handoff", created.id, "--to", "tester")
    assert (handed["role"], handed["status"]) == ("tester", "pending"), "the task that goes on"
    await step("leave")
    await team.turns("offline")


async def test_a_task_that_failed_is_told_as_failed(makima: Makima, team: Team) -> None:
    await team.task("build it")
    task = _object((await makima("agent", "wait-for-task", **CONNECTION)).json)
    await makima("agent", "task-complete", str(task["id"]), "--failed", **CONNECTION)
    assert (await team.find("build it")).status == "failed"


async def test_waiting_has_an_end_and_asking_again_gives_the_same_task(makima: Makima, team: Team) -> None:
    late = await makima("agent", "wait-for-task", "--timeout", "0.2", "--format", "json", **CONNECTION)
    assert (late.exit, _object(late.problem)["code"]) == (7, "TIMED_OUT")
    await team.turns("ready")  # a script waits again
    await team.task("build it")
    first = await makima("agent", "wait-for-task", **CONNECTION)
    line = await makima("agent", "wait-for-task", "--format", "compact", **CONNECTION)
    assert line.out == f"{_object(first.json)['id']} build it\n"
    again = await makima("agent", "wait-for-task", **CONNECTION)
    assert _object(first.json)["id"] == _object(again.json)["id"]


async def test_an_agent_that_was_declared_dead_between_two_commands_joins_again_and_goes_on(
    makima: Makima, team: Team
) -> None:
    await team.task("build it")
    task = _object((await makima("agent", "wait-for-task", **CONNECTION)).json)
    dead = {"agent_status": "dead", "connection_id": "script-1"}
    await team.http.send("POST", f"/contracts/{team.contract_id}/agents/builder/status", dead)
    await team.turns("dead")
    assert (await makima("agent", "task-complete", str(task["id"]), **CONNECTION)).exit == 0
    await team.turns("ready")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_one_that_is_stopped_while_it_waits_leaves(
    process: Start, team: Team, number: signal.Signals, code: int
) -> None:
    waiting = await process("agent", "wait-for-task")
    await team.turns("ready")
    waiting.send_signal(number)
    out, err = await asyncio.wait_for(waiting.communicate(), PATIENCE)
    assert (waiting.returncode, out, err) == (code, b"", b"")
    await team.turns("offline")


async def test_a_newer_script_supersedes_and_an_ended_contract_ends_the_wait(
    makima: Makima, team: Team
) -> None:
    await makima("agent", "wait-for-task", "--timeout", "0.1", **CONNECTION)
    await makima("agent", "wait-for-task", "--timeout", "0.1", MAKIMA_CONNECTION_ID="script-2")
    fenced = await makima("agent", "wait-for-task", "--timeout", "9", "--format", "json", **CONNECTION)
    assert (fenced.exit, _object(fenced.problem)["code"]) == (5, "SUPERSEDED")
    await team.contracts.act(team.contract_id, "fail", reason="enough")
    ended = await makima("agent", "wait-for-task", "--format", "json", MAKIMA_CONNECTION_ID="script-2")
    assert (ended.exit, _object(ended.problem)["code"]) == (5, "CONTRACT_ENDED")


async def test_the_commands_of_one_session_are_one_connection_and_another_is_refused(
    makima: Makima, team: Team
) -> None:
    await team.task("build it")
    task = _object((await makima("agent", "wait-for-task")).json)
    assert (await makima("agent", "task-complete", str(task["id"]))).exit == 0
    foreign = await makima("agent", "leave", "--format", "json", MAKIMA_CONNECTION_ID="foreign")
    assert (foreign.exit, _object(foreign.problem)["code"]) == (5, "SUPERSEDED")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux counts from its start")
async def test_a_script_stays_who_it_is_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = Identity("c1", "builder", None)
    before = identity.of_script
    monkeypatch.setattr(psutil.Process, "create_time", repr)
    assert identity.of_script == before


async def test_a_restart_of_what_no_daemon_runs_is_refused_and_what_is_missing_is_named(
    makima: Makima, team: Team
) -> None:
    restart = ("agent", "restart", "--reason", "stuck", "--format", "json")
    unknown = await makima(*restart)
    assert (unknown.exit, _object(unknown.problem)["code"]) == (3, "PARTICIPANT_NOT_FOUND")
    await team.agents.join(team.contract_id, "builder", "script-1")
    nobodys = await makima(*restart)
    assert (nobodys.exit, _object(nobodys.problem)["code"]) == (8, "UNAVAILABLE")
    missing = await makima("agent", "leave", MAKIMA_ROLE="")
    assert (missing.exit, "--role" in missing.err, "MAKIMA_ROLE" in missing.err) == (2, True, True)

"""The whole chain with real processes: a started contract is placed, supervised, worked on, and survives its parts."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import nats as nats_py
import pytest
import pytest_asyncio
from makima_kernel.service.runtime import Service
from makima_kernel.testing import PATIENCE, eventually
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_schemas import subjects
from makima_stale_detector import app as detector

from tests.chaos import CHAOS
from tests.daemon.machine import QUICK, Machine, daemon_process, kill, machine_of
from tests.daemon.supervised import EXAMPLES, SUPERVISOR, Supervised
from tests.services.gateway.harness import Gateways
from tests.services.stale_detector.harness import quick
from tests.shared_gateway import shared_gateway

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon supervisors")]
BUILDER = (sys.executable, str(EXAMPLES / "script.py"))
# The new process comes when the test lets it: until then the old one may win.
AFTER_A_FILE = 'while [ ! -e "$GO" ]; do sleep 0.05; done; exec "$0" "$@"'
SILENT_SECONDS = 12.0  # until a verdict: on a busy machine a process may have no turn for seconds


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    contracts = quick("", "", timeout=SILENT_SECONDS).contracts.model_dump()
    async with (
        shared_gateway(
            postgres_server, template_database, nats_server, admitting=True, contracts=contracts
        ) as made,
        Service.running(detector.NAME, made.replicas[0].settings, detector.build),
    ):
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def machine(gateways: Gateways, nats_server: Nats, tmp_path: Path) -> AsyncIterator[Machine]:
    nats = await nats_py.connect(nats_server.url)
    made = await machine_of(gateways, nats, nats_server.url, tmp_path / "workspace")
    made.commands = {"supervisor": SUPERVISOR, "builder": BUILDER}
    yield made
    await nats.close()


@pytest_asyncio.fixture(loop_scope="module")
async def second(gateways: Gateways, nats_server: Nats, tmp_path: Path) -> AsyncIterator[Machine]:
    """Another machine."""
    nats = await nats_py.connect(nats_server.url)
    made = await machine_of(gateways, nats, nats_server.url, tmp_path / "second")
    made.env = {"GO": str(tmp_path / "go")}
    made.commands = {"supervisor": ("sh", "-c", AFTER_A_FILE, *SUPERVISOR)}
    yield made
    await nats.close()


async def test_a_started_contract_is_placed_supervised_and_done(machine: Machine) -> None:
    async with machine.daemon():
        supervised = await Supervised.started(machine)
        await supervised.done("write", "test")
        events = await supervised.supervisor_events()
        assert events[0] == "RestorationRequested"
        assert "RestorationProved" in events  # at load it may be silent between them


async def test_a_daemon_beats_as_often_as_makima_says(machine: Machine) -> None:
    """It beat each 30 s, whatever the settings: where a timeout was shorter, it counted as disconnected."""
    beats = await machine.nats.subscribe(subjects.daemon_heartbeat(machine.daemon_id))
    async with machine.daemon(replace(QUICK, interval=None)), asyncio.timeout(PATIENCE):
        for _ in range(5):
            await beats.next_msg(timeout=PATIENCE)


async def test_a_supervisor_that_crashed_is_restarting_and_goes_on_from_what_it_saved(
    machine: Machine, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    go.touch()
    machine.env, machine.commands = {"GO": str(go)}, {"supervisor": ("sh", "-c", AFTER_A_FILE, *SUPERVISOR)}
    async with machine.daemon():
        supervised = await Supervised.started(machine)
        spawned = await supervised.waits_for(2)
        first = await machine.one_process(supervised.contract_id)
        go.unlink()
        kill(first)
        await supervised.status_is("restarting")
        go.touch()
        await machine.one_process(supervised.contract_id, other_than=first)
        await supervised.proved(2)
        assert await supervised.tasks() == spawned
        await supervised.finish_tasks()
        await supervised.state_is("completed")


async def test_a_supervisor_goes_on_after_its_daemon_was_stopped_and_started_again(machine: Machine) -> None:
    """It never leaves, and makima leaves its restart to the daemon that has the contract: nobody did it."""
    del machine.commands["builder"]
    async with machine.daemon():
        supervised = await Supervised.started(machine)
        spawned = await supervised.waits_for(2)
    assert machine.processes(supervised.contract_id) == []
    async with machine.daemon():
        await supervised.proved(2)
        assert await supervised.tasks() == spawned
        await supervised.finish_tasks()
        await supervised.state_is("completed")


async def test_a_killed_daemon_finds_its_supervisor_again_and_what_is_asked_of_it_reaches_it(
    machine: Machine,
) -> None:
    """The same process goes on, and never two."""
    del machine.commands["builder"]
    async with daemon_process(machine) as (process, _):
        supervised = await Supervised.started(machine)
        spawned = await supervised.waits_for(2)
        adopted = await machine.one_process(supervised.contract_id)
        process.kill()
        await process.wait()
    async with machine.daemon() as ready:
        assert ready.agents == (f"{supervised.contract_id}:supervisor",)
        assert await machine.one_process(supervised.contract_id) == adopted
        assert await supervised.outcomes() == ["fresh"], "it was not restored: it went on"
        restart = await machine.gateways.clients[0].post(f"{supervised.path}/supervisor/restart", json={})
        assert restart.status_code == 202, restart.text
        await machine.one_process(supervised.contract_id, other_than=adopted)
        await supervised.proved(2)
        assert await supervised.tasks() == spawned
        connection = supervised.connection()
        await machine.say("superseded", contract_id=supervised.contract_id, connection_id=connection)
        await eventually(lambda: machine.processes(supervised.contract_id) == [])


@pytest.mark.skipif(not CHAOS, reason="many processes of Python: `make test-long`")
async def test_a_supervisor_that_a_later_daemon_found_may_end(machine: Machine) -> None:
    """Nobody knows the exit code of another process's child: what it said of itself is what counts."""
    del machine.commands["builder"]
    async with daemon_process(machine) as (process, _):
        supervised = await Supervised.started(machine)
        await supervised.waits_for(2)
        process.kill()
        await process.wait()
    async with machine.daemon():
        await supervised.finish_tasks()
        await supervised.state_is("completed")
        await eventually(lambda: json.loads(machine.workspace.state.read_text()) == [])
        assert machine.processes(supervised.contract_id) == []
    assert await supervised.outcomes() == ["fresh"], "it was not started again"


async def test_another_daemon_takes_over_what_ran_on_a_lost_machine(
    machine: Machine, second: Machine, tmp_path: Path
) -> None:
    """From its whole history."""
    del machine.commands["builder"]
    (tmp_path / "go").touch()
    async with daemon_process(machine) as (process, _):
        whole = await Supervised.started(machine)
        spawned = await whole.waits_for(2)
        process.kill()
        kill(await machine.one_process(whole.contract_id))
    async with second.daemon():
        await whole.proved(2)
        await whole.held_by(second.daemon_id)
        assert await whole.outcomes() == ["fresh", "resumed"]
        assert await whole.tasks() == spawned


@pytest.mark.skipif(not CHAOS, reason="many processes of Python: `make test-long`")
async def test_another_daemon_takes_over_from_a_checkpoint_and_what_an_old_process_had_won_back(
    machine: Machine, second: Machine, tmp_path: Path
) -> None:
    """One from a checkpoint, as its chain is broken; one that its old process wins back first, and that is taken over
    when that one is silent, too.
    """
    del machine.commands["builder"]
    async with daemon_process(machine) as (process, _):
        supervised = [await Supervised.started(machine) for _ in range(2)]
        spawned = [await each.waits_for(2) for each in supervised]
        broken, won = supervised
        await broken.save("checkpoint", plan="the form")
        await broken.save("phase", phase="the-form")
        await broken.rot("the-form", "the-frm")
        old = won.connection()
        process.kill()
        for each in supervised:
            kill(await machine.one_process(each.contract_id))
    async with second.daemon():
        refused = await won.requested(second.daemon_id)
        await won.beat(old)
        await won.is_in_force(old)
        (tmp_path / "go").touch()
        for each in supervised:
            await each.proved(2)
            await each.held_by(second.daemon_id)
        assert await broken.outcomes() == ["fresh", "from_checkpoint"]
        assert set(await won.outcomes()) == {"fresh", "resumed"}
        assert refused not in await won.proofs()
        assert [await each.tasks() for each in supervised] == spawned

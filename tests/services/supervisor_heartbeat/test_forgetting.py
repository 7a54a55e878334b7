"""Who has ended is forgotten, and is who it was when it speaks again."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from makima_kernel.commands.handler import CommandHandler
from makima_kernel.event_log.append import new_event
from makima_kernel.event_log.log import PAGE_EVENTS, Log
from makima_kernel.projections.subscription import Consumer
from makima_kernel.testing import eventually
from makima_schemas.envelope import Recorded
from makima_schemas.heartbeat import SupervisorHeartbeat
from makima_schemas.supervisor import SupervisorSaved, SupervisorState
from makima_supervisor_heartbeat.domain.agents.agent import AgentDecider
from makima_supervisor_heartbeat.domain.agents.triggers import idempotency_content as agent_content
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.batching.write_batch import WriteBatch
from makima_supervisor_heartbeat.domain.daemon import DaemonDecider
from makima_supervisor_heartbeat.domain.supervisor import SupervisorDecider
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor
from makima_supervisor_heartbeat.handlers.observation_queue import ObservationQueue
from makima_supervisor_heartbeat.handlers.observation_writer import CommandHandlers, ObservationWriter
from makima_supervisor_heartbeat.handlers.sender_loader import SenderLoader
from makima_supervisor_heartbeat.handlers.sender_sync import SenderSync
from makima_supervisor_heartbeat.handlers.verdicts import idempotency_content

from tests.background import end
from tests.kernel.event_log.append_builders import call, command
from tests.services.supervisor_heartbeat.harness import Running, supervisor_beat
from tests.services.supervisor_heartbeat.messages import message
from tests.services.supervisor_heartbeat.sender_cache_world import knowing

COMPLETED = SupervisorState.COMPLETED


class Mind:
    """The memory of another recorder on the same log."""

    def __init__(self, fleet: Running) -> None:
        log, appender = fleet.service.log, fleet.service.appender
        self.senders = knowing("c-t1")
        self.reader = BatchBuilder(self.senders, [range(8)])
        self.forgot = 0
        self.observations = ObservationQueue(self.senders)
        self.sync = SenderSync(
            self.senders,
            SenderLoader(fleet.pool, self.senders),
            log,
            Consumer(log, fleet.nats, name="mind"),
            self.observations,
            on_evicted=self.forget,
        )
        self.observer = ObservationWriter(
            self.observations,
            self.senders,
            self.sync,
            CommandHandlers(
                CommandHandler("supervisor", SupervisorDecider(), log, appender, content=idempotency_content),
                CommandHandler("daemon", DaemonDecider(), log, appender, content=idempotency_content),
                CommandHandler("agent", AgentDecider(), log, appender, content=agent_content),
            ),
        )

    def forget(self) -> None:
        self.forgot += 1
        self.reader.forget()

    def hear(self, beat: SupervisorHeartbeat, sequence: int) -> WriteBatch:
        [slice_] = self.reader.read([message(beat, sequence)], "e9")
        self.observations.put(slice_.observations)
        return slice_


async def test_who_has_ended_is_dropped_once_it_was_silent_for_as_long_as_the_history_is_kept(
    fleet: Running,
) -> None:
    await fleet.beat(supervisor_beat("t1"))
    await fleet.beat(supervisor_beat("t2"))
    await fleet.beat(supervisor_beat("t1", COMPLETED))
    await fleet.until("supervisor-t1", 2)
    await fleet.until("supervisor-t2", 1)
    mind = Mind(fleet)
    following = asyncio.create_task(mind.sync.follow())
    await eventually(lambda: mind.sync.position >= 4)
    await end(following)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert await mind.sync.evict_ended(tomorrow) == 0  # nobody was heard yet
    mind.hear(supervisor_beat("t3"), 1)
    assert "supervisor-t1" in mind.senders.streams
    await mind.sync.evict_ended(tomorrow)
    assert "supervisor-t1" not in mind.senders.streams
    assert "supervisor-t2" in mind.senders.streams
    assert mind.forgot == 1


async def test_who_was_forgotten_is_recalled_as_the_log_knows_it(fleet: Running) -> None:
    await fleet.beat(supervisor_beat("t1", connection_id="old"))
    await fleet.beat(supervisor_beat("t1", connection_id="new"))
    await fleet.until("supervisor-t1", 2)
    mind = Mind(fleet)
    observing = asyncio.create_task(mind.observer.run())
    mind.hear(supervisor_beat("t1", connection_id="old"), 10)
    [sender] = mind.hear(supervisor_beat("t1", connection_id="old"), 11).heard
    await eventually(lambda: sender.version == 2 and not sender.undecided)
    await end(observing)
    assert isinstance(sender.logged, Supervisor)
    assert (sender.logged.contract_id, sender.logged.superseded) == ("c-t1", ("old",))
    assert not mind.hear(supervisor_beat("t1", connection_id="old"), 12).heard
    assert len(await fleet.events("supervisor-t1")) == 2


async def test_what_a_supervisor_saved_is_not_read_as_a_whole_to_recall_it(
    fleet: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fleet.beat(supervisor_beat("t1"))
    await fleet.until("supervisor-t1", 1)
    saves = (SupervisorSaved("c-t1", None, "phase", "{}", each, "", "") for each in range(PAGE_EVENTS))
    await call(fleet.pool, command("supervisor-t1", *map(new_event, saves)))
    read, read_stream = list[int](), Log.stream

    async def counting(
        log: Log, tenant: str, stream: str, after: int = 0, limit: int | None = None
    ) -> list[Recorded]:
        events = await read_stream(log, tenant, stream, after, limit)
        read.append(len(events))
        return events

    mind = Mind(fleet)
    sender = mind.senders.sender("supervisor-t1", "t1")
    monkeypatch.setattr(Log, "stream", counting)
    await mind.sync.reload(sender)
    assert isinstance(sender.logged, Supervisor)
    assert (sender.logged.contract_id, sender.version, max(read)) == ("c-t1", PAGE_EVENTS + 1, PAGE_EVENTS)


async def test_an_event_of_one_that_was_forgotten_tells_all_of_it(fleet: Running) -> None:
    await fleet.beat(supervisor_beat("t1"))
    await fleet.beat(supervisor_beat("t1", COMPLETED))
    await fleet.until("supervisor-t1", 2)
    mind = Mind(fleet)
    mind.sync.position = 3  # what came before is not told again
    following = asyncio.create_task(mind.sync.follow())
    await eventually(lambda: mind.sync.position >= 4)
    await end(following)
    [sender] = mind.hear(supervisor_beat("t1", COMPLETED), 10).heard
    assert isinstance(sender.logged, Supervisor)
    assert (sender.logged.contract_id, sender.logged.state) == ("c-t1", COMPLETED)

"""Builds the supervisor-heartbeat service: its parts, loops, health checks, commands and queries."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import asyncpg
from makima_kernel.commands.handler import CommandHandler
from makima_kernel.commands.quota import event_quota
from makima_kernel.commands.router import CommandRouter
from makima_kernel.projections.projection import Applied
from makima_kernel.projections.subscription import Consumer
from makima_kernel.service.postgres import open_connection
from makima_kernel.service.runtime import Service
from makima_kernel.telemetry import metrics
from makima_schemas import questions
from makima_schemas.daemon import AdmitDaemon
from makima_schemas.supervisor import RestartSupervisor

from makima_supervisor_heartbeat.domain.agents.agent import AgentDecider, is_agent_id
from makima_supervisor_heartbeat.domain.agents.triggers import idempotency_content as agent_content
from makima_supervisor_heartbeat.domain.agents.triggers import is_repeatable
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.batching.write_batch import WriteBatch
from makima_supervisor_heartbeat.domain.daemon import DaemonDecider
from makima_supervisor_heartbeat.domain.daemon_limits import Limits
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.domain.supervisor import SupervisorDecider
from makima_supervisor_heartbeat.handlers.agents import Agents
from makima_supervisor_heartbeat.handlers.agents import count as count_agent
from makima_supervisor_heartbeat.handlers.limit_reports import LimitReports
from makima_supervisor_heartbeat.handlers.observation_queue import ObservationQueue
from makima_supervisor_heartbeat.handlers.observation_writer import ObservationWriter
from makima_supervisor_heartbeat.handlers.placement_rows import PlacementRows
from makima_supervisor_heartbeat.handlers.placements import Placements
from makima_supervisor_heartbeat.handlers.recorder import Recorder, lanes_of
from makima_supervisor_heartbeat.handlers.restarts import Restarts, count
from makima_supervisor_heartbeat.handlers.restorations import Restorations
from makima_supervisor_heartbeat.handlers.restored_contracts import RestoredContracts
from makima_supervisor_heartbeat.handlers.retention import Retention
from makima_supervisor_heartbeat.handlers.saves import Saves
from makima_supervisor_heartbeat.handlers.sender_loader import SenderLoader
from makima_supervisor_heartbeat.handlers.sender_signals import SenderSignals
from makima_supervisor_heartbeat.handlers.sender_sync import SenderSync
from makima_supervisor_heartbeat.handlers.state_publisher import StatePublisher
from makima_supervisor_heartbeat.handlers.task_follower import TaskFollower
from makima_supervisor_heartbeat.handlers.verdicts import Verdicts, idempotency_content
from makima_supervisor_heartbeat.handlers.watermarks import Watermarks
from makima_supervisor_heartbeat.projections import KnownSenders
from makima_supervisor_heartbeat.queries import AuditQueries, Queries

NAME = "supervisor_heartbeat"
OnCommit = Callable[[int, Sequence[Applied]], None]
LEFT_AFTER_SECONDS = 600.0  # at least: who was not heard for so long is none of its daemon's senders any more


async def build(service: Service) -> None:
    settings = service.settings
    shards = settings.recorder_shards
    limits = Limits(
        settings.quotas.senders_per_daemon,
        settings.quotas.new_connections_per_daemon,
        max(LEFT_AFTER_SECONDS, 2 * settings.contracts.heartbeat_timeout_seconds),
    )
    senders, queries, feed = SenderCache(limits), Queries(service.pool), StatePublisher(service.nats)
    limit_reports = LimitReports(senders, feed)
    signals = SenderSignals(service.nats)
    supervisors = CommandHandler(
        "supervisor",
        SupervisorDecider(),
        service.log,
        service.appender,
        content=idempotency_content,
        on_event=count,
    )
    agents = CommandHandler(
        "agent",
        AgentDecider(),
        service.log,
        service.appender,
        content=agent_content,
        on_event=count_agent,
        valid_target=is_agent_id,
        check_quota=event_quota(
            settings.quotas.events_per_agent,
            is_repeatable,
            of="agent",
            hint="join under another role, or in a new contract; an operator can raise quotas.events_per_agent",
        ),
    )
    daemons = CommandHandler(
        "daemon", DaemonDecider(), service.log, service.appender, content=idempotency_content
    )
    reader, observations, loader = (
        BatchBuilder(senders, lanes_of(shards)),
        ObservationQueue(senders),
        SenderLoader(service.pool, senders),
    )
    consumer = Consumer(service.log, service.nats, name=f"{NAME}-senders")
    sync = SenderSync(senders, loader, service.log, consumer, observations, on_evicted=reader.forget)
    observer = ObservationWriter(observations, senders, sync, supervisors, daemons)
    kept, most_bytes = (
        timedelta(hours=settings.contracts.heartbeat_retention_hours),
        int(settings.contracts.heartbeat_history_gib * 2**30),
    )
    history = Retention(service.pool, kept=kept, most_bytes=most_bytes)
    watermarks = Watermarks(queries)

    def recorded(slice_: WriteBatch) -> None:
        metrics.changes_withheld.inc(senders.take_withheld())
        foreign = senders.contracts.foreign
        metrics.foreign_heartbeats.inc(foreign.take_count())
        signals.put(senders.signals.take())
        feed.heard(foreign.take_contested())
        metrics.unknown_contract_heartbeats.inc(senders.contracts.take_unknown())
        limit_reports.report()
        feed.heard(slice_.heard)
        observations.put(slice_.observations)

    async def connect() -> asyncpg.Connection:
        return await open_connection(settings.database_url, NAME)

    await sync.load()
    follower, restored = TaskFollower(queries, agents), RestoredContracts(queries, service.bus)
    placements = Placements(
        PlacementRows(service.pool, service.owner),
        service.nats,
        service.bus,
        unheard_seconds=settings.contracts.heartbeat_timeout_seconds,
    )
    known = service.project(
        KnownSenders(), on_commit=_each(follower.applied, restored.applied, placements.applied)
    )
    for name, run in {
        "follow the log": sync.follow, "observe": observer.run, "follow tasks": follower.run, "assign restored": restored.run, "tell states": feed.run, "signal": signals.run, "watermarks": watermarks.run, "history": history.run,
        "place": placements.run, "forget": partial(sync.run_eviction, kept),
    }.items():  # fmt: skip
        service.loop(name, run)
    recorder = Recorder(
        service.nats, connect, reader,
        shards=shards, owner=service.owner, taken=sync.shards_acquired, recorded=recorded, lost=senders.lose_shards, make_room=history.make_room,
    )  # fmt: skip
    service.loop("record", recorder.run)
    service.ready_when("recorder", recorder.check)
    service.healthy_when("history", history.ready)
    service.ready_when("senders", sync.check)
    most = settings.quotas.agents_per_contract
    joins = Agents(agents, queries, service.log, known, service.nats, max_agents=most)
    router = CommandRouter(NAME, authorize=joins.authorize)
    joins.serve(router)
    applies_verdicts = settings.feature_flags.supervisor_heartbeat
    Verdicts(supervisors, daemons, agents, queries, watermarks, enabled=applies_verdicts).serve(router)
    restarts = Restarts(supervisors, queries, service.log, known, service.nats)
    router.command(AdmitDaemon, daemons.handle)
    router.command(RestartSupervisor, restarts.restart, daemons=False)
    Restorations(supervisors, queries, service.log, known, service.nats).serve(router)
    Saves(supervisors, queries, settings.quotas).serve(router)
    router.query(questions.Heartbeats, queries.answer_heartbeats)
    router.query(questions.Status, queries.answer_status)
    audit = AuditQueries(service.pool)
    router.query(questions.SenderStates, audit.answer_states)
    router.query(questions.LivingSenders, audit.answer_living)
    service.include(router)


def _each(*called: OnCommit) -> OnCommit:
    """Calls each of them after a commit of the projection."""

    def applied(position: int, batch: Sequence[Applied]) -> None:
        for each in called:
            each(position, batch)

    return applied

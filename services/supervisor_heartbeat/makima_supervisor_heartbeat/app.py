"""Builds the supervisor-heartbeat service: its parts, loops, health checks, commands and queries."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import asyncpg
from makima_kernel.commands.handler import CommandHandler
from makima_kernel.commands.quota import event_quota
from makima_kernel.commands.router import CommandRouter
from makima_kernel.projections.projection import Applied
from makima_kernel.projections.projector import Projector
from makima_kernel.projections.subscription import Consumer
from makima_kernel.service.postgres import open_connection
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.service.silence_timeout import silence_seconds
from makima_kernel.telemetry import metrics
from makima_schemas import questions
from makima_schemas.daemon import AdmitDaemon
from makima_schemas.identity import is_agent_id
from makima_schemas.supervisor import RestartSupervisor

from makima_supervisor_heartbeat.audit_queries import AuditQueries
from makima_supervisor_heartbeat.beat_queries import BeatQueries
from makima_supervisor_heartbeat.domain.agents.agent import AgentDecider
from makima_supervisor_heartbeat.domain.agents.triggers import idempotency_content as agent_content
from makima_supervisor_heartbeat.domain.agents.triggers import is_repeatable
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.batching.write_batch import WriteBatch
from makima_supervisor_heartbeat.domain.daemon import DaemonDecider
from makima_supervisor_heartbeat.domain.daemon_limits import Limits
from makima_supervisor_heartbeat.domain.progress_watch import SECOND, StuckLimits
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.domain.supervisor import SupervisorDecider
from makima_supervisor_heartbeat.handlers.agents import Agents
from makima_supervisor_heartbeat.handlers.agents import count as count_agent
from makima_supervisor_heartbeat.handlers.agents import log_fields as agent_log_fields
from makima_supervisor_heartbeat.handlers.limit_reports import LimitReports
from makima_supervisor_heartbeat.handlers.observation_queue import ObservationQueue
from makima_supervisor_heartbeat.handlers.observation_writer import CommandHandlers, ObservationWriter
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
from makima_supervisor_heartbeat.queries import Queries

NAME = "supervisor_heartbeat"
OnCommit = Callable[[int, Sequence[Applied]], None]
LEFT_AFTER_SECONDS = 600.0  # at least: who was not heard for so long is none of its daemon's senders any more


async def build(service: Service) -> None:
    """Registers the loops, the projection, the health checks, and what it answers with the runtime."""
    decisions, queries = _command_handlers(service), Queries(service.pool)
    watermarks = await _record(service, decisions, queries)
    follower = TaskFollower(queries, decisions.agents)
    restored = RestoredContracts(queries, service.bus)
    placements = Placements(
        PlacementRows(service.pool, service.owner),
        service.nats,
        service.bus,
        unheard_seconds=silence_seconds(service.settings.contracts, "supervisor"),
    )
    known = service.project(
        KnownSenders(), on_commit=_each(follower.applied, restored.applied, placements.applied)
    )
    service.loop("follow tasks", follower.run)
    service.loop("assign restored", restored.run)
    service.loop("place", placements.run)
    service.include(_router(service, decisions, queries, known, watermarks))


def _command_handlers(service: Service) -> CommandHandlers:
    """Where commands about each kind of sender are decided."""
    log, appender = service.log, service.appender
    agents_quota = event_quota(
        "events_per_agent",
        service.settings.quotas.events_per_agent,
        is_repeatable,
        of="agent",
        instead="join under another role, or in a new contract",
    )
    return CommandHandlers(
        CommandHandler(
            "supervisor",
            SupervisorDecider(),
            log,
            appender,
            content=idempotency_content,
            on_event=count,
        ),
        CommandHandler("daemon", DaemonDecider(), log, appender, content=idempotency_content),
        CommandHandler(
            "agent",
            AgentDecider(),
            log,
            appender,
            content=agent_content,
            on_event=count_agent,
            log_fields=agent_log_fields,
            valid_target=is_agent_id,
            check_quota=agents_quota,
        ),
    )


def _sender_cache(settings: Settings) -> SenderCache:
    contracts = settings.contracts
    limits = Limits(
        settings.quotas.senders_per_daemon,
        settings.quotas.new_connections_per_daemon,
        max(LEFT_AFTER_SECONDS, 2 * contracts.heartbeat_timeout_seconds),
    )
    stuck_limits = StuckLimits(
        int(contracts.stuck_after_seconds * SECOND), int(contracts.quiet_max_seconds * SECOND)
    )
    return SenderCache(limits, stuck_limits)


async def _record(service: Service, decisions: CommandHandlers, queries: Queries) -> Watermarks:
    """Registers what records heartbeats, and tells the log and the senders what they mean."""
    settings, senders, feed = service.settings, _sender_cache(service.settings), StatePublisher(service.nats)
    limit_reports, signals = LimitReports(senders, feed), SenderSignals(service.nats)
    reader = BatchBuilder(senders, lanes_of(settings.recorder_shards))
    observations, loader = ObservationQueue(senders), SenderLoader(service.pool, senders)
    consumer = Consumer(service.log, service.nats, name=f"{NAME}-senders")
    sync = SenderSync(senders, loader, service.log, consumer, observations, on_evicted=reader.forget)
    observer = ObservationWriter(observations, senders, sync, decisions)
    kept = timedelta(hours=settings.contracts.heartbeat_retention_hours)
    most_bytes = int(settings.contracts.heartbeat_history_gib * 2**30)
    history, watermarks = Retention(service.pool, kept=kept, most_bytes=most_bytes), Watermarks(queries)

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
    recorder = Recorder(
        service.nats,
        connect,
        reader,
        shards=settings.recorder_shards,
        owner=service.owner,
        taken=sync.shards_acquired,
        recorded=recorded,
        lost=senders.lose_shards,
        make_room=history.make_room,
    )
    for name, run in {
        "follow the log": sync.follow,
        "observe": observer.run,
        "tell states": feed.run,
        "signal": signals.run,
        "watermarks": watermarks.run,
        "history": history.run,
        "forget": partial(sync.run_eviction, kept),
        "record": recorder.run,
    }.items():
        service.loop(name, run)
    service.ready_when("recorder", recorder.check)
    service.healthy_when("history", history.ready)
    service.ready_when("senders", sync.check)
    return watermarks


def _router(
    service: Service, decisions: CommandHandlers, queries: Queries, known: Projector, watermarks: Watermarks
) -> CommandRouter:
    """The commands and queries that the service answers."""
    supervisors, daemons, agents = decisions
    settings, log, nats = service.settings, service.log, service.nats
    joins = Agents(agents, queries, log, known, nats, max_agents=settings.quotas.agents_per_contract)
    router = CommandRouter(NAME, authorize=joins.authorize)
    joins.serve(router)
    applies_verdicts = settings.feature_flags.supervisor_heartbeat
    Verdicts(supervisors, daemons, agents, queries, watermarks, enabled=applies_verdicts).serve(router)
    router.command(AdmitDaemon, daemons.handle)
    router.command(RestartSupervisor, Restarts(supervisors, queries, log, known, nats).restart, daemons=False)
    Restorations(supervisors, queries, log, known, nats).serve(router)
    Saves(supervisors, queries, log, known, settings.quotas).serve(router)
    router.query(questions.Heartbeats, queries.answer_heartbeats)
    router.query(questions.Status, queries.answer_status)
    router.query(questions.Beats, BeatQueries(service.pool, queries).answer)
    audit = AuditQueries(service.pool)
    router.query(questions.SenderStates, audit.answer_states)
    router.query(questions.LivingSenders, audit.answer_living)
    return router


def _each(*called: OnCommit) -> OnCommit:
    """Calls each of them after a commit of the projection."""

    def applied(position: int, batch: Sequence[Applied]) -> None:
        for each in called:
            each(position, batch)

    return applied

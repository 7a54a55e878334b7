"""Where the daemon is built and joined: it runs from here until it is told to end."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from makima_sdk.connection import Connection
from makima_sdk.daemon import Answer, Daemon
from makima_sdk.heartbeater import DEFAULT_INTERVAL_SECONDS
from makima_sdk.http import Http
from makima_sdk.paths import path
from makima_sdk.problems import UnreachableError
from makima_sdk.signals import Signal

from makima_daemon import agent_output, event_log, local_socket
from makima_daemon.agent import STOP_GRACE_SECONDS
from makima_daemon.calls import Calls
from makima_daemon.config import Config
from makima_daemon.held_agents import HeldAgents
from makima_daemon.listeners import Listeners
from makima_daemon.restart_policy import RestartPolicy
from makima_daemon.roster import Roster
from makima_daemon.state_file import StateFile
from makima_daemon.surroundings import Surroundings
from makima_daemon.workspace import Workspace
from makima_daemon.worktrees import Removal, WorktreeError, Worktrees

AWAY_RETRY_SECONDS: Final = 2.0
LEAST_INTERVAL_SECONDS: Final = 1.0  # between two heartbeats, whatever makima says
MOST_INTERVAL_SECONDS: Final = 3600.0


class NotItsTokenError(RuntimeError):
    """The token is an administrator's, with which a daemon starts no agents; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Times that tests shorten."""

    policy: RestartPolicy = field(default_factory=RestartPolicy)
    grace: float = STOP_GRACE_SECONDS
    interval: float | None = None  # between heartbeats, in seconds; None: as makima says


@dataclass(frozen=True, slots=True)
class Ready:
    """The daemon beats and accepts agents."""

    daemon_id: str
    workspace: str
    socket: str
    pid: int
    agents: tuple[str, ...]  # that it found again


class RunningDaemon:
    """One daemon in its workspace, which it holds the lock of."""

    def __init__(
        self, config: Config, connection: Connection, workspace: Workspace, http: Http, pace: Pace
    ) -> None:
        self._config, self._connection, self._pace = config, connection, pace
        self._workspace = workspace
        self._http = http
        self._worktrees = Worktrees(workspace.worktrees, config.daemon_id, config.repository)
        around = Surroundings(
            calls=Calls(http, config.daemon_id),
            workspace=workspace,
            worktrees=self._worktrees,
            url=connection.url,
            secrets=_secrets(connection),
            policy=pace.policy,
            grace=pace.grace,
            changed=self._report,
        )
        self.roster = Roster(config.agents, config.capacity, around, StateFile(workspace.state))
        self._held = HeldAgents(connection, config.daemon_id, self.roster)
        self._listeners = Listeners(self.roster)
        self._daemon: Daemon | None = None  # None: not connected yet

    async def run(self, stop: asyncio.Event, on_ready: Callable[[Ready], None]) -> None:
        """Until `stop` is set, and then until it is drained.

        Raises `ProblemError` if makima does not let this daemon in, `NotItsTokenError`. `UnreachableError` if it does
        not answer at the start: with agents that run it waits instead, as those have to be watched.
        """
        self.roster.resume()
        keeping = asyncio.create_task(
            agent_output.keep_bounded(self._workspace.agent_logs, lambda: self.roster.logs)
        )
        try:
            operations, subscriptions = {"hook": self._held.hook}, {"signals": self._listeners.subscribe}
            async with local_socket.served(self._workspace.socket, operations, subscriptions):
                while not stop.is_set():
                    await self._while_it_answers(stop, on_ready)
                await self.roster.drain()
        finally:
            keeping.cancel()
            await self._held.close()
            await self.roster.abandon()

    async def _while_it_answers(self, stop: asyncio.Event, on_ready: Callable[[Ready], None]) -> None:
        """Connect, and run until `stop` is set; or wait for a moment if makima does not answer at the start."""
        try:
            interval = await self._introduce()
            await self._connected(self._pace.interval or interval, stop, on_ready)
        except UnreachableError as error:
            if not self.roster.running:
                raise
            event_log.warn("daemon.makima_away", reason=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(AWAY_RETRY_SECONDS):
                    await stop.wait()

    async def _introduce(self) -> float:
        """Beat by HTTP: to the broker, a wrong token is nobody, without a reason. Without a place, as no signal
        is heard yet. Returns the seconds between heartbeats that makima wants.

        Raises `NotItsTokenError`: an administrator may beat for any daemon, but the broker lets only the daemon itself
        answer when it is asked to start an agent.
        """
        if self._config.agents:
            me = await self._http.send("GET", "/me", retry_for=AWAY_RETRY_SECONDS)
            if me.body.get("role") == "admin":
                raise NotItsTokenError(
                    "the token is an administrator's, with which no agents are started: give the daemon one of its own in "
                    f"MAKIMA_TOKEN (`makima token create --role daemon --daemon {self._config.daemon_id}`)"
                )
        where = path("daemons", self._config.daemon_id, "heartbeat")
        now = {"agents": list(self.roster.ids), "worktrees": self._worktrees.count, "capacity": 0}
        body = {"hostname": socket.gethostname(), **now}
        answer = await self._http.send("POST", where, body, retry_for=AWAY_RETRY_SECONDS)
        return _interval(answer.body) or DEFAULT_INTERVAL_SECONDS  # an older makima says nothing

    async def _connected(
        self, interval: float, stop: asyncio.Event, on_ready: Callable[[Ready], None]
    ) -> None:
        config, workspace = self._config, self._workspace
        found = self.roster.ids
        daemon = Daemon(config.daemon_id, self._connection, interval=interval)
        for kind, handler in {
            "start": self.roster.start,
            "restart": self.roster.restart,
            "superseded": self.roster.superseded,
            "cleanup_worktrees": self._clean_up,
            "sync": self._sync,
            "interval": self._obey,
        }.items():
            daemon.on(kind, handler)
        async with daemon:
            self._daemon = daemon
            self._report()
            event_log.note("daemon.ready", daemon_id=config.daemon_id, agents=len(found))
            on_ready(Ready(config.daemon_id, str(workspace.root), str(workspace.socket), os.getpid(), found))
            await stop.wait()
            event_log.note("daemon.draining", agents=len(self.roster.running))
            await self._held.close()
            await self.roster.drain()
            self._report()
            await daemon.beat()
            self._daemon = None
        event_log.note("daemon.ended", daemon_id=config.daemon_id)

    def _report(self) -> None:
        if self._daemon is not None:
            roster = self.roster
            self._daemon.report(agents=roster.ids, worktrees=self._worktrees.count, capacity=roster.capacity)

    async def _clean_up(self, signal: Signal) -> Answer:
        contract_id = str(signal.body["contract_id"])
        self.roster.forget_failed(contract_id)  # it has ended
        try:
            removal = await self._worktrees.remove(contract_id, self.roster.contracts)
        except WorktreeError as error:  # git refuses, for example, what a person has locked
            removal = Removal(removed=False, kept_because=str(error))
        if removal.kept_because is not None:
            event_log.warn("worktree.kept", contract_id=contract_id, reason=removal.kept_because)
            return {"removed": 0, "kept": 1, "reason": removal.kept_because}
        if removal.removed:
            event_log.note("worktree.removed", contract_id=contract_id)
            self._report()
        return {"removed": int(removal.removed)}

    async def _sync(self, signal: Signal) -> Answer:
        """Beat now, and have the process of the agent that it names beat: its heartbeats are its own."""
        contract_id, role = signal.body.get("contract_id"), signal.body.get("role") or SUPERVISOR_ROLE
        passed_on = self._listeners.notify(str(contract_id), str(role), signal.kind)
        return {"beaten": self._daemon is not None and await self._daemon.beat(), "passed_on": passed_on}

    async def _obey(self, signal: Signal) -> None:
        """Signal `interval`: from now on that many seconds between heartbeats."""
        seconds = _interval(signal.body)
        if self._daemon is not None and seconds is not None:
            self._daemon.interval = seconds
            event_log.note("daemon.interval", interval_seconds=seconds)


async def run(
    config: Config,
    connection: Connection,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[Ready], None] = lambda _: None,
    pace: Pace | None = None,
) -> None:
    """Run the daemon until `stop` is set.

    Raises `WorkspaceError` if the workspace cannot be used, or another daemon of this id runs in it, and what
    `RunningDaemon.run` raises.
    """
    workspace = Workspace.open(config.workspace, config.daemon_id)
    with workspace.locked():
        async with Http(connection.url, connection.token) as http:
            await RunningDaemon(config, connection, workspace, http, pace or Pace()).run(stop, on_ready)


def _interval(body: Mapping[str, object]) -> float | None:
    """The seconds between heartbeats that makima wants, as far as a daemon obeys; None: it says none."""
    seconds = body.get("interval_seconds")
    if not isinstance(seconds, (int, float)):
        return None
    return min(max(float(seconds), LEAST_INTERVAL_SECONDS), MOST_INTERVAL_SECONDS)


def _secrets(connection: Connection) -> tuple[str, ...]:
    password = unquote(urlsplit(connection.nats_url).password or "")
    return tuple(secret for secret in (connection.token, password) if secret)

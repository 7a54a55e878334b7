"""The agents that the daemon holds for coding agents which know nothing of makima: what their hooks say makes them
join, beat and leave (`hooks.py` says what means what).
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, cast

import psutil
from makima_schemas.identity import agent_id, is_id
from makima_sdk.agent import Agent
from makima_sdk.connection import Connection
from makima_sdk.local_socket import LISTED_PIDS
from makima_sdk.problems import MakimaError, ProblemError, SupersededError, UnreachableError
from makima_sdk.session import Session

from makima_daemon import event_log, processes
from makima_daemon.adoption import ProcessId
from makima_daemon.hooks import Effect, Event, effect_of
from makima_daemon.local_socket import InvalidRequestError, Message
from makima_daemon.roster import Roster

MAX_HELD: Final = 128
JOIN_RETRY_SECONDS: Final = 2.0
GONE_POLL_SECONDS: Final = 5.0  # between two looks whether the coding agent still runs
SHELLS: Final = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh", "busybox"})
# While it waits for a person it is quiet, so that it does not count as stuck: for so long, announced again and again,
# as a daemon that ends meanwhile must still be noticed. The next event ends it.
QUIET_SECONDS: Final = 120.0


@dataclass
class _Held:
    """One of them: what it should show, and the task that holds it joined."""

    contract_id: str
    role: str
    connection_id: str | None
    process: ProcessId | None  # of the coding agent; None: not known
    is_run_here: bool  # by this daemon, which itself tells how it ends
    effect: Effect = field(default_factory=Effect)  # the newest that it has not shown
    due: asyncio.Event = field(default_factory=asyncio.Event)


class HeldAgents:
    """`hook` takes one event and answers at once; everything else happens in tasks, one per agent."""

    def __init__(self, connection: Connection, daemon_id: str, roster: Roster) -> None:
        self._connection, self._daemon_id, self._roster = connection, daemon_id, roster
        self._held: dict[str, _Held] = {}  # by agent id
        self._tasks: dict[str, asyncio.Task[None]] = {}  # by agent id

    async def hook(self, message: Message) -> None:
        """Operation `hook`. Raises `InvalidRequestError`."""
        contract_id, role = (_id(message, name) for name in ("contract_id", "role"))
        if contract_id is None or role is None:
            raise InvalidRequestError("contract_id and role are ids")
        event = message.get("event")
        effect = effect_of(cast("Event", event)) if isinstance(event, dict) else None
        name = agent_id(contract_id, role)
        held = self._held.get(name)
        if effect is None or (effect.leaves and held is None):
            return
        # The session's own id, where nobody gave one: the same incarnation for the next daemon, too.
        connection_id = _id(message, "connection_id") or _id(cast("Event", event), "session_id")
        if held is None or (connection_id is not None and connection_id != held.connection_id):
            self._refuse_fencing(contract_id, role, connection_id)
            process, is_run_here = self._process(message, contract_id, role)
            held = await self._hold(name, _Held(contract_id, role, connection_id, process, is_run_here))
        held.effect = effect
        held.due.set()

    def _refuse_fencing(self, contract_id: str, role: str, connection_id: str | None) -> None:
        """Whoever joins with a new connection fences the one before: not an agent that this daemon runs.

        Raises `InvalidRequestError`.
        """
        agent = self._roster.find(contract_id, role)
        if agent in self._roster.running and agent.record.connection_id != connection_id:
            raise InvalidRequestError(f"the daemon runs {role} of this contract under another connection")

    async def close(self) -> None:
        """Let all of them leave."""
        for held in self._held.values():
            held.effect = Effect(leaves=True)
            held.due.set()
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks.values()), timeout=5.0)
            for task in late:
                task.cancel()

    async def _hold(self, name: str, held: _Held) -> _Held:
        if name not in self._held and len(self._held) >= MAX_HELD:
            raise InvalidRequestError(f"the daemon holds {MAX_HELD} agents already")
        if before := self._tasks.get(name):
            before.cancel()
        self._held[name] = held
        task = self._tasks[name] = asyncio.create_task(self._run(held), name=f"held {name}")
        task.add_done_callback(lambda done: self._forget(name, done))
        return held

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name], self._held[name]

    async def _run(self, held: _Held) -> None:
        """Join, show what the hooks say, and leave when the session ends or its process is gone."""
        ids = {"contract_id": held.contract_id, "role": held.role}
        while _there(held.process):
            try:
                async with Agent(
                    held.contract_id,
                    held.role,
                    self._connection,
                    held.connection_id,
                    daemon_id=self._daemon_id,
                ) as agent:
                    event_log.note("hook.joined", **ids, connection_id=agent.connection_id)
                    held.connection_id = agent.connection_id
                    with suppress(ProcessLookupError):
                        agent.watch(None if held.process is None else held.process.pid)
                    await _shown(agent, held)
            except MakimaError as error:
                again = may_join_again(error)
                event_log.warn("hook.not_held", **ids, reason=str(error), again=again)
                if not again:
                    return
            else:
                event_log.note("hook.left", **ids)
                return
            await asyncio.sleep(JOIN_RETRY_SECONDS)

    def _process(self, message: Message, contract_id: str, role: str) -> tuple[ProcessId | None, bool]:
        """The process that the agent's life hangs on: the one that this daemon runs for it (then true), else the
        nearest above the hook that is no shell.
        """
        agent = self._roster.find(contract_id, role)
        if agent is not None and agent.process is not None:
            return agent.process.id, True
        pids = message.get("pids")
        listed = (
            [each for each in cast("list[object]", pids)[:LISTED_PIDS] if isinstance(each, int)]
            if isinstance(pids, list)
            else []
        )
        pid = next((pid for pid in listed if _name(pid) not in SHELLS), None)
        return None if pid is None else ProcessId(pid, processes.started(pid) or ""), False


def may_join_again(error: MakimaError) -> bool:
    """True if the same agent may join later. A refusal holds until the next event asks again; who was superseded is
    fenced for good.
    """
    if isinstance(error, ProblemError | UnreachableError):
        return Session.is_passing(error)
    return not isinstance(error, SupersededError)


async def _shown(agent: Agent, held: _Held) -> None:
    """Until the newest effect is to leave, or the process is gone."""
    effect, quiet_until, now = Effect(), 0.0, asyncio.get_running_loop().time
    while True:
        try:
            async with asyncio.timeout(GONE_POLL_SECONDS):
                await held.due.wait()
        except TimeoutError:
            if not _there(held.process):
                _say_how_it_ended(agent, held)
                return
            if effect.waits and now() >= quiet_until - QUIET_SECONDS / 2:
                agent.quiet(QUIET_SECONDS)
                quiet_until = now() + QUIET_SECONDS
            continue
        held.due.clear()
        waited, effect = effect.waits, held.effect
        if effect.leaves:
            return
        if effect.activity is not None and (effect.moves or waited):
            agent.report(activity=effect.activity)
        agent.quiet(QUIET_SECONDS if effect.waits else None)
        quiet_until = now() + QUIET_SECONDS


def _say_how_it_ended(agent: Agent, held: _Held) -> None:
    """Without a word: that is no leaving."""
    if held.is_run_here:
        agent.stay()
    else:
        agent.crash("its process ended, and no hook said so")


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except (psutil.Error, OverflowError, ValueError):
        return "sh"  # gone as a shell is that ran one command


def _there(process: ProcessId | None) -> bool:
    return process is None or processes.started(process.pid) == process.started


def _id(message: Message, name: str) -> str | None:
    value = message.get(name)
    return value if isinstance(value, str) and is_id(value) else None

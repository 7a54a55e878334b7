"""Handles a command: load the state, decide, append the events; decide again if another append came first."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

import orjson
import structlog
from makima_schemas.codec import Event, encode
from makima_schemas.commands import Accepted, Problem, Reply, Request, problem
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import Category, is_id, stream_name
from makima_schemas.refusal import Member, Refused

from makima_kernel.commands.client import TRY_AGAIN
from makima_kernel.commands.consultation import Consult, consult_nobody
from makima_kernel.commands.decider import Decider
from makima_kernel.commands.router import snake_case
from makima_kernel.commands.state_cache import Loaded, StateCache
from makima_kernel.event_log.append import (
    Append,
    Appended,
    Conflict,
    Duplicate,
    GuardConflict,
    KeyReused,
    Outcome,
    TooLarge,
    new_event,
)
from makima_kernel.event_log.append_connection import UnstorableError
from makima_kernel.event_log.appender import Appender, LogUnavailableError, OverloadedError
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE, POSTGRES_REFUSED
from makima_kernel.event_log.idempotent_append import event_meta
from makima_kernel.event_log.log import Log
from makima_kernel.telemetry import traces

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E", bound=Event)

_logger = structlog.get_logger()

MAX_APPEND_ATTEMPTS: Final = 8  # decisions per command, before the stream counts as too busy
KEY_REUSED: Final = Problem(
    ErrorCode.IDEMPOTENCY_KEY_REUSED,
    "this command id was already used for a different request",
    "use a new key for a different request",
)


class CommandHandler(Generic[S, C, E]):
    """Handles all commands of one category; the only path from a command to the log.

    `describe` returns the members that a `VERSION_CONFLICT` carries besides `expected` and `actual`. `exists`
    says whether the entity of a state that has events still exists (it may have been deleted). `on_event` is
    called with each event that this process has stored; `log_fields` are further fields of its line in the log.
    `valid_target` checks the target's id. `content`
    returns the part of a command that identifies the request, by default all of it: replicas of a detector
    find the same silence with slightly different evidence, and must count as repeats of each other. `consult`
    reads what a decision depends on besides its own stream.
    """

    def __init__(
        self,
        category: Category,
        decider: Decider[S, C, E],
        log: Log,
        appender: Appender,
        *,
        describe: Callable[[S], dict[str, Member]] = lambda _state: {},
        exists: Callable[[S], bool] = lambda _state: True,
        on_event: Callable[[E], None] = lambda _event: None,
        log_fields: Callable[[E], Mapping[str, object]] = lambda _event: {},
        valid_target: Callable[[str], bool] = is_id,
        content: Callable[[C], object] = lambda command: command,
        check_quota: Callable[[C, int], None] = lambda _command, _version: None,
        consult: Consult[S, C] = consult_nobody,
    ) -> None:
        self._category: Category = category
        self._decider = decider
        self._log = log
        self._appender = appender
        self._describe = describe
        self._exists = exists
        self._on_event = on_event
        self._log_fields = log_fields
        self._valid_target = valid_target
        self._content = content
        self._check_quota = check_quota
        self._consult = consult
        self._states = StateCache(decider, log, lambda: appender.session)

    async def handle(self, request: Request[object], command: C, refused: Refused | None = None) -> Reply:
        """Decides the command and stores its events.

        A repeated command id gets the first answer. A refusal changes nothing and is not stored. `refused`: why the
        command is refused already, by something that its decider does not know.
        """
        try:
            return await self._answer(request, command, refused)
        except LogUnavailableError as error:
            return Problem(ErrorCode.UNAVAILABLE, f"the event log does not answer: {error}", TRY_AGAIN)
        except UnstorableError as error:
            return Problem(ErrorCode.INVALID_REQUEST, str(error))
        except OverloadedError as error:
            return Problem(ErrorCode.OVERLOADED, str(error), "nothing was changed; try again later")
        except POSTGRES_REFUSED as error:  # by a read: a value that the log cannot be asked for
            return Problem(ErrorCode.INVALID_REQUEST, f"the database does not take a value of it: {error}")
        except DATABASE_UNAVAILABLE as error:
            # Raised by a read. The appender's connection may not have noticed yet that the database is gone,
            # so the cached states still count as valid: drop them.
            self._states.forget_all()
            return Problem(
                ErrorCode.UNAVAILABLE, f"the event log cannot be read: {type(error).__name__}", TRY_AGAIN
            )

    async def first_answer(self, request: Request[object], command: C) -> Reply | None:
        """The stored answer to this command id; None if it has none. Raises what reading the log raises."""
        match await self._log.answered(request.tenant, request.command_id, self._hash(request, command)):
            case Duplicate(version, position, changed):
                return Accepted(version, position, changed)
            case KeyReused():
                return KEY_REUSED
            case None:
                return None

    def assume_new(self, tenant: str, target: str) -> None:
        """Caches the initial state of an entity that the caller believes to have no events,
        to save reading the log.

        If that is wrong, the append conflicts and the state is read.
        """
        self._states.assume_new(tenant, stream_name(self._category, target))

    async def _answer(self, request: Request[object], command: C, refused: Refused | None) -> Reply:
        try:
            if refused is not None:
                raise refused
            if not self._valid_target(request.target):
                detail = f"{request.target!r} is not a valid id of a {self._category}"
                raise Refused(ErrorCode.INVALID_REQUEST, detail)  # noqa: TRY301 - same answer as a rule's refusal
            return await self._decide(request, command)
        except Refused as refusal:
            # A repeat of an accepted command may be refused in the present state;
            # it must get the first answer.
            return await self.first_answer(request, command) or problem(refusal)

    async def _decide(self, request: Request[object], command: C) -> Reply:
        stream = stream_name(self._category, request.target)
        fresh = False  # True: what is consulted is read anew, as it had changed or led to a refusal
        for _ in range(MAX_APPEND_ATTEMPTS):
            loaded = await self._states.load(request.tenant, stream)
            consulted = await self._consult(request, command, loaded.state, fresh=fresh)
            try:
                self._check_version(request, loaded)
                events = self._decider.decide(consulted.command if consulted else command, loaded.state)
                if events:  # what changes nothing costs nothing
                    self._check_quota(command, loaded.version)
            except Refused:
                known = consulted is None or fresh
                if await self._states.is_current(request.tenant, stream, loaded) and known:
                    raise
                fresh = True
                continue
            guards = (consulted.guard,) if consulted else request.guarded_by
            outcome = await self._appender.append(
                _append(request, self._hash(request, command), (stream, loaded.version), events, guards)
            )
            if isinstance(outcome, GuardConflict) and consulted is not None:
                fresh = True
                continue
            reply = self._stored(request, stream, loaded, events, outcome)
            if reply is not None:
                return reply
        return Problem(
            ErrorCode.OVERLOADED,
            f"{stream} was changed by another command at each attempt",
            "nothing was changed; try again",
        )

    def _stored(
        self, request: Request[object], stream: str, loaded: Loaded[S], events: list[E], outcome: Outcome
    ) -> Reply | None:
        """The answer to an append; None if another append to the stream came first. Raises `Refused`."""
        match outcome:
            case Appended(version, position):
                self._states.remember(request.tenant, stream, loaded, events, version)
                self._report_events(request, events, position)
                return Accepted(version, position, changed=bool(events))
            case Duplicate(version, position, changed):
                return Accepted(version, position, changed)
            case Conflict():
                self._states.forget(request.tenant, stream)
                return None
            case GuardConflict(actual):
                raise Refused(
                    ErrorCode.VERSION_CONFLICT,
                    "a guard stream is not at its expected version",
                    expected=next((seen for _, seen in request.guarded_by if seen != actual), 0),
                    actual=actual,
                )
            case TooLarge(limit):
                raise Refused(
                    ErrorCode.PAYLOAD_TOO_LARGE,
                    f"an event, or all events of the command together, exceed {limit} bytes",
                    limit=limit,
                )
            case KeyReused():
                return KEY_REUSED

    def _check_version(self, request: Request[object], loaded: Loaded[S]) -> None:
        expected = request.expected_version
        if expected is None or loaded.version in (expected, 0) or not self._exists(loaded.state):
            # An entity that does not exist is answered with "not found" by the decider, not with a conflict.
            return
        detail = f"expected version {expected}, but the current version is {loaded.version}"
        members = self._describe(loaded.state)
        raise Refused(
            ErrorCode.VERSION_CONFLICT,
            detail,
            hint="read it again, and repeat the command with the current version",
            expected=expected,
            actual=loaded.version,
            **members,
        )

    def _hash(self, request: Request[object], command: C) -> bytes:
        """Identifies the request: command class, target, expected version and content,
        but not the actor or the trace.
        """
        kind = type(command).__name__
        return hashlib.sha256(
            orjson.dumps([kind, request.target, request.expected_version]) + encode(self._content(command))
        ).digest()

    def _report_events(self, request: Request[object], events: list[E], position: int) -> None:
        """Logs each stored event, and passes it to `on_event`."""
        for event in events:
            name = snake_case(type(event).__name__).removeprefix(f"{self._category}_")
            happened = f"{self._category}.{name}"
            _logger.info(
                happened,
                **{f"{self._category}_id": request.target},
                position=position,
                actor=request.actor,
                **self._log_fields(event),
            )
            self._on_event(event)


def _append(
    request: Request[object],
    request_hash: bytes,
    expected: tuple[str, int],
    events: list[E],
    guards: tuple[tuple[str, int], ...],
) -> Append:
    """The append to a stream at the version `expected`, if the streams `guards` still have their versions."""
    stream, version = expected
    return Append(
        tenant=request.tenant,
        stream=stream,
        command_id=request.command_id,
        request_hash=request_hash,
        expected=version,
        events=tuple(new_event(event) for event in events),
        meta=event_meta(request.actor, traces.traceparent(), request.token_id),
        guards=guards,
    )

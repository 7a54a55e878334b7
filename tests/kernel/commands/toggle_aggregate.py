"""The smallest aggregate that tests of the bus can decide about: a daemon that is connected or not."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from makima_kernel.commands.handler import CommandHandler
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.log import Log
from makima_schemas.commands import Request
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected, DaemonEvent
from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Evidence
from makima_schemas.refusal import Refused


@dataclass(frozen=True, slots=True)
class SwitchOn:
    hostname: str


@dataclass(frozen=True, slots=True)
class SwitchOff:
    evidence: Evidence


Switch = SwitchOn | SwitchOff


class Toggle:
    """On twice changes nothing; off twice is refused."""

    initial = False

    def decide(self, command: Switch, state: bool) -> list[DaemonEvent]:
        match command:
            case SwitchOn(hostname):
                return [] if state else [DaemonConnected(hostname)]
            case SwitchOff(evidence):
                if not state:
                    raise Refused(ErrorCode.INVALID_TRANSITION, "it is off", allowed=["on"])
                return [DaemonDisconnected(evidence)]

    def evolve(self, state: bool, event: DaemonEvent) -> bool:
        del state
        return isinstance(event, DaemonConnected)


class MakeToggle(Protocol):
    async def __call__(self) -> CommandHandler[bool, Switch, DaemonEvent]: ...


def toggle_decisions(log: Log, appender: Appender) -> CommandHandler[bool, Switch, DaemonEvent]:
    return CommandHandler("daemon", Toggle(), log, appender, describe=lambda on: {"on": on})


NOW = datetime(2026, 1, 1, tzinfo=UTC)
OFF = SwitchOff(Evidence(None, 2, NOW, NOW, 0, "test"))
ON = SwitchOn("a")


def request(**more: object) -> Request:
    return replace(Request(uuid4(), "toggle", {}), **more)

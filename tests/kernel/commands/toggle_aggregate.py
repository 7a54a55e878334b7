"""The smallest aggregate that tests of the bus can decide about: a daemon that is connected or not."""

from dataclasses import dataclass
from typing import Protocol

from makima_kernel.commands.handler import CommandHandler
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.log import Log
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


class Lamp:
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


class MakeLamps(Protocol):
    async def __call__(self) -> CommandHandler[bool, Switch, DaemonEvent]: ...


def lamps(log: Log, appender: Appender) -> CommandHandler[bool, Switch, DaemonEvent]:
    return CommandHandler("daemon", Lamp(), log, appender, describe=lambda on: {"on": on})

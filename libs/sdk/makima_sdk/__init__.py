"""The client library for daemons, agents and scripts. Each name is imported when it is first used, so that a
script that only uses HTTP starts without loading the NATS client.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from makima_sdk.agents import Agent, Agents, SenderAnswer, Team, TeamOfAgents
    from makima_sdk.connection import Connection, UnknownContextError
    from makima_sdk.contracts import Contracts
    from makima_sdk.daemon import Daemon, Signal
    from makima_sdk.heartbeater import Heartbeater
    from makima_sdk.http import Answer, Http
    from makima_sdk.models import (
        Contract,
        DeadLetter,
        DeliverableView,
        MaintenanceWindow,
        Page,
        Question,
        Task,
        TaskCounts,
    )
    from makima_sdk.monitoring import Filter, MonitorEvent, monitor
    from makima_sdk.paths import path
    from makima_sdk.problems import (
        ConnectionSettingsError,
        InvalidIdError,
        MakimaError,
        ProblemError,
        UnreachableError,
    )
    from makima_sdk.supervisor import HeartbeatContent, Supervisor
    from makima_sdk.system import System

_HOME = {
    "Agent": "agents",
    "Agents": "agents",
    "SenderAnswer": "agents",
    "Team": "agents",
    "TeamOfAgents": "agents",
    "Connection": "connection",
    "UnknownContextError": "connection",
    "Contracts": "contracts",
    "Daemon": "daemon",
    "Signal": "daemon",
    "Heartbeater": "heartbeater",
    "Answer": "http",
    "Http": "http",
    "Contract": "models",
    "DeadLetter": "models",
    "DeliverableView": "models",
    "MaintenanceWindow": "models",
    "Page": "models",
    "Question": "models",
    "Task": "models",
    "TaskCounts": "models",
    "Filter": "monitoring",
    "MonitorEvent": "monitoring",
    "monitor": "monitoring",
    "ConnectionSettingsError": "problems",
    "InvalidIdError": "problems",
    "MakimaError": "problems",
    "ProblemError": "problems",
    "UnreachableError": "problems",
    "HeartbeatContent": "supervisor",
    "Supervisor": "supervisor",
    "System": "system",
    "path": "paths",
}

__all__ = [
    "Agent",
    "Agents",
    "Answer",
    "Connection",
    "ConnectionSettingsError",
    "Contract",
    "Contracts",
    "Daemon",
    "DeadLetter",
    "DeliverableView",
    "Filter",
    "HeartbeatContent",
    "Heartbeater",
    "Http",
    "InvalidIdError",
    "MaintenanceWindow",
    "MakimaError",
    "MonitorEvent",
    "Page",
    "ProblemError",
    "Question",
    "SenderAnswer",
    "Signal",
    "Supervisor",
    "System",
    "Task",
    "TaskCounts",
    "Team",
    "TeamOfAgents",
    "UnknownContextError",
    "UnreachableError",
    "monitor",
    "path",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"makima_sdk.{_HOME[name]}"), name)

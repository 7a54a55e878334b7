"""The client library for daemons, agents and scripts. Each name is imported when it is first used, so that a
script that only uses HTTP starts without loading the NATS client.
"""

# Type checkers take it for true. Importing `typing` would take half as long as Python takes to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from makima_sdk.agent import Agent
    from makima_sdk.agents import AgentRecord, Agents, SenderAnswer, Team, TeamOfAgents
    from makima_sdk.changes import ContractChanges
    from makima_sdk.connection import Connection, UnknownContextError
    from makima_sdk.contracts import Contracts
    from makima_sdk.daemon import Daemon
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
        AgentLostError,
        ConnectionSettingsError,
        InvalidIdError,
        MakimaError,
        ProblemError,
        SpoolError,
        SpoolFullError,
        SupersededError,
        UnansweredError,
        UndeliveredError,
        UnreachableError,
    )
    from makima_sdk.signals import Signal
    from makima_sdk.supervisor import Restoration, Supervisor
    from makima_sdk.supervisor_heartbeats import HeartbeatContent, SupervisorHeartbeats
    from makima_sdk.system import System
    from makima_sdk.work import Work

_HOME = {
    "Agent": "agent",
    "AgentLostError": "problems",
    "AgentRecord": "agents",
    "Agents": "agents",
    "SenderAnswer": "agents",
    "Team": "agents",
    "TeamOfAgents": "agents",
    "Connection": "connection",
    "UnknownContextError": "connection",
    "ContractChanges": "changes",
    "Contracts": "contracts",
    "Daemon": "daemon",
    "Signal": "signals",
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
    "SpoolError": "problems",
    "SpoolFullError": "problems",
    "SupersededError": "problems",
    "UnansweredError": "problems",
    "UndeliveredError": "problems",
    "UnreachableError": "problems",
    "Restoration": "supervisor",
    "Supervisor": "supervisor",
    "HeartbeatContent": "supervisor_heartbeats",
    "SupervisorHeartbeats": "supervisor_heartbeats",
    "System": "system",
    "Work": "work",
    "path": "paths",
}

__all__ = [
    "Agent",
    "AgentLostError",
    "AgentRecord",
    "Agents",
    "Answer",
    "Connection",
    "ConnectionSettingsError",
    "Contract",
    "ContractChanges",
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
    "Restoration",
    "SenderAnswer",
    "Signal",
    "SpoolError",
    "SpoolFullError",
    "SupersededError",
    "Supervisor",
    "SupervisorHeartbeats",
    "System",
    "Task",
    "TaskCounts",
    "Team",
    "TeamOfAgents",
    "UnansweredError",
    "UndeliveredError",
    "UnknownContextError",
    "UnreachableError",
    "Work",
    "monitor",
    "path",
]


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415 — `makima hook` starts without it

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"makima_sdk.{_HOME[name]}"), name)

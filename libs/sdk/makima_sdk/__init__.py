"""What a daemon, an agent or a script imports to speak with makima."""

from makima_sdk.connection import Connection, UnknownContextError
from makima_sdk.contracts import Contracts
from makima_sdk.daemon import Daemon, Signal
from makima_sdk.heart import Heart
from makima_sdk.http import Answer, Http
from makima_sdk.models import Contract, DeliverableView, Page, Question, Task, TaskCounts
from makima_sdk.monitor import Filter, MonitorEvent, monitor
from makima_sdk.problems import MakimaError, ProblemError, UnreachableError
from makima_sdk.supervisor import Saying, Supervisor

__all__ = [
    "Answer",
    "Connection",
    "Contract",
    "Contracts",
    "Daemon",
    "DeliverableView",
    "Filter",
    "Heart",
    "Http",
    "MakimaError",
    "MonitorEvent",
    "Page",
    "ProblemError",
    "Question",
    "Saying",
    "Signal",
    "Supervisor",
    "Task",
    "TaskCounts",
    "UnknownContextError",
    "UnreachableError",
    "monitor",
]

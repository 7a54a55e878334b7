"""What the daemon must know after it was killed: its agents and their processes, in a file that is replaced
atomically.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

from makima_schemas.identity import ID_PATTERN
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from makima_daemon import private_files

KEPT_CONNECTIONS: Final = 16  # the newest of an agent

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]


class AgentRecord(BaseModel):
    """One agent. It is written before its process is started, so that a process without a record cannot be."""

    model_config = ConfigDict(frozen=True)

    contract_id: Id
    role: Id
    task_id: Id | None = None
    connections: Annotated[tuple[Id, ...], Field(min_length=1)]  # given out to its processes, the newest last
    pid: int | None = None  # None: there is none, or it was just being started
    started: str | None = None  # of the process: `processes.started`
    began: float = 0.0  # when the newest process was started, in seconds since 1970
    attempts: int = 0  # restarts in a row
    stopping: bool = False  # it is ended on purpose
    failed: bool = False  # every restart failed

    @property
    def connection_id(self) -> str:
        return self.connections[-1]


_Records: Final = TypeAdapter(tuple[AgentRecord, ...])


class StateFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[tuple[AgentRecord, ...], str | None]:
        """The records, and why they cannot be read, if so: the file is kept beside, under another name."""
        try:
            return _Records.validate_json(self._path.read_bytes()), None
        except FileNotFoundError:
            return (), None
        except (OSError, ValidationError) as error:
            broken = self._path.with_suffix(".broken.json")
            self._path.replace(broken)
            return (), f"it is kept as {broken}: {str(error)[:500]}"

    def save(self, records: Iterable[AgentRecord]) -> None:
        """Raises `OSError`, on a full disk for example; the file is then as before."""
        private_files.replace(self._path, _Records.dump_json(tuple(records)))

"""Reads and checks the files of a migrations folder: `NNNN_name.pre.sql`, `.post.sql` and `.rollback.sql`.

`pre` runs before the new code starts, `post` (optional) after the old code has stopped,
`rollback` undoes both.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

Stage = Literal["pre", "post"]
Key = tuple[int, Stage]

_FILE = re.compile(r"^(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.(?P<stage>pre|post|rollback)\.sql$")


class MigrationError(RuntimeError):
    """A migrations folder is malformed or disagrees with what was applied;
    the message names the file and why.
    """


@dataclass(frozen=True, slots=True)
class Migration:
    """One forward migration file."""

    number: int  # files run in the order of numbers, `pre` before `post`
    stage: Stage
    name: str
    sql: str

    @property
    def key(self) -> Key:
        return self.number, self.stage

    @property
    def title(self) -> str:
        return f"{self.number:04}_{self.name}.{self.stage}"

    @property
    def checksum(self) -> bytes:
        return hashlib.sha256(self.sql.encode()).digest()


@dataclass(frozen=True, slots=True)
class Rollback:
    """The file that undoes both stages of migration `number`."""

    number: int
    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Folder:
    """The forward files in order (`pre` before `post` within a number), and the rollback of each number."""

    forward: tuple[Migration, ...]
    rollbacks: Mapping[int, Rollback]


def read(path: Path) -> Folder:
    """Reads the folder.

    Raises `MigrationError` for a misnamed file, a number with two names, or one without a rollback.
    """
    forward: list[Migration] = []
    rollbacks: dict[int, Rollback] = {}
    for file in sorted(path.glob("*.sql")):
        match = _FILE.match(file.name)
        if match is None:
            raise MigrationError(f"{file} is not named NNNN_name.pre.sql, .post.sql or .rollback.sql")
        number, name = int(match["number"]), match["name"]
        if match["stage"] == "rollback":
            rollbacks[number] = Rollback(number, name, file.read_text())
        else:
            forward.append(Migration(number, cast("Stage", match["stage"]), name, file.read_text()))
    for migration in forward:
        if migration.number not in rollbacks or rollbacks[migration.number].name != migration.name:
            raise MigrationError(
                f"{path}: {migration.title} has no {migration.number:04}_{migration.name}.rollback.sql"
            )
    forward.sort(key=lambda migration: (migration.number, migration.stage == "post"))
    return Folder(tuple(forward), rollbacks)


def verify(schema: str, forward: Sequence[Migration], applied: Mapping[Key, bytes]) -> None:
    """Checks the folder against the `applied` migrations (key → checksum).

    Raises `MigrationError` if an applied file is missing or changed,
    or if a new file has a number below the newest applied one.
    """
    files = {migration.key: migration for migration in forward}
    newest = max((number for number, _ in applied), default=0)
    for key, checksum in applied.items():
        if key not in files:
            raise MigrationError(
                f"{schema}: migration {key[0]:04}.{key[1]} was applied, but its file is missing: run the version of makima that applied it, or a newer one"
            )
        if files[key].checksum != checksum:
            raise MigrationError(
                f"{schema}: {files[key].title} was changed after it was applied; write a new migration instead"
            )
    for migration in forward:
        if migration.stage == "pre" and migration.number < newest and migration.key not in applied:
            raise MigrationError(
                f"{schema}: {migration.title} is older than {newest:04}, which is applied; give it the next number"
            )

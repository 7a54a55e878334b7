"""Run with the modules to look for: prints which of them `makima --help` imports, and each command.

One process for all of them: a command is imported in a fork, which has what `--help` imports and no more.
"""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial

from makima_cli import entry

LOOKED_FOR = frozenset(sys.argv[1:])


def loaded() -> str:
    return " ".join(sorted(name for name in LOOKED_FOR if sys.modules.get(name)))


def help_of_all() -> str:
    """What `makima --help` has imported at its end."""
    sys.argv[1:] = ["--help"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        entry.main()
    return loaded()


def in_a_fork(work: Callable[[], str]) -> str:
    """What it answers; what it imports stays in the fork."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(into, work().encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as answer:
        found = answer.read().decode()
    os.waitpid(child, 0)
    return found


def commands() -> Iterator[tuple[str, ...]]:
    """The way to each: `("contracts", "list")`."""
    import click  # noqa: PLC0415 - in the fork alone
    from makima_cli.main import main  # noqa: PLC0415 - in the fork alone

    def below(group: click.Group, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        context = click.Context(group)
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            if isinstance(found, click.Group):
                yield from below(found, (*above, name))
            else:
                yield (*above, name)

    return below(main, ())


def imported_by(way: tuple[str, ...]) -> str:
    import click  # noqa: PLC0415 - in the fork alone
    from makima_cli.main import main  # noqa: PLC0415 - in the fork alone

    command: click.Command | None = main
    for name in way:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), name)
    return loaded()


print(f"--help: {help_of_all()}")  # noqa: T201 - a script
for each in in_a_fork(lambda: "\n".join(" ".join(way) for way in commands())).splitlines():
    modules = in_a_fork(partial(imported_by, tuple(each.split())))
    print(f"{each}: {modules}")  # noqa: T201 - a script

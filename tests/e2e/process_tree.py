"""The processes of a running stack, as the system lists them."""

import subprocess

from tests.e2e import stack


def fleet_pid(system: stack.Stack) -> int:
    """`makima up` starts the fleet itself; its daemons are the fleet's children, not its own."""
    listed = subprocess.run(
        ["ps", "-axo", "pid=,ppid=,comm=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    [found] = [
        int(pid)
        for pid, parent, name in rows
        if int(parent) == system.process.pid and "makima_cli.demo" in name
    ]
    return found


def processes() -> dict[int, int]:
    """pid → parent's pid; the dead that nobody has buried are not counted."""
    listed = subprocess.run(
        ["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in listed.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def alive() -> set[int]:
    return set(processes())


def descendants(pid: int) -> set[int]:
    parents = processes()
    found: set[int] = set()
    rising = {pid}
    while rising:
        rising = {child for child, parent in parents.items() if parent in rising}
        found |= rising
    return found

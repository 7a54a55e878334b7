"""A fork server: `python -m makima_…` in tests, forked from a process that has imported everything instead of
started cold.

A forked program is like a started one in all that a test can do to it: it is a child of whoever started it
(the fork server makes it an orphan, and whoever asked is the reaper of orphans for that moment), with the
pipes, environment, folder and session that it was asked to have; it dies with its parent, and it ends as
Python ends. Only Linux can do this; elsewhere programs are started cold.
"""

import ctypes
import gc
import os
import pickle
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from makima_kernel.installed_services import installed_services
from makima_local.account import account
from makima_local.interpreter import interpreter
from makima_local.parent import PR_SET_PDEATHSIG

PR_SET_NAME: Final = 15
PR_SET_CHILD_SUBREAPER: Final = 36
LARGEST_REQUEST: Final = 1 << 20
PREFIX: Final = "makima_"
# Programs that start programs, and so need a fork server of their own.
PARENTS: Final = frozenset({"makima_cli.main", "makima_cli.demo"})
# What services, commands and agents import, some of it only when they run. Not the demo: it reads its pace
# when it is imported.
LIBRARIES: Final = ("makima_schemas", "makima_kernel", "makima_local", "makima_sdk", "makima_daemon")
LATE_IMPORTS: Final = (
    "click",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "websockets.asyncio.client",
)

_libc: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Program:
    """`python -m module arguments`, as whoever starts it wants it. `parent` is the pid of whoever that is."""

    module: str
    arguments: Sequence[str]
    folder: str
    env: Mapping[str, str]
    own_session: bool
    parent: int
    user: int | None
    group: int | None

    def run(self) -> None:
        """The rest of this process's life."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.own_session:
            os.setsid()
        os.chdir(self.folder)
        if self.user is not None and self.group is not None:
            os.setgroups([])
            os.setgid(self.group)
            os.setuid(self.user)
        _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != self.parent:  # it died in between
            os._exit(1)
        _libc.prctl(PR_SET_NAME, self.module.encode(), 0, 0, 0)
        os.environ.clear()
        os.environ.update(self.env)
        sys.argv = ["-m", *self.arguments]
        if self.module in PARENTS:
            subprocess.Popen = ForkServer.of_this_process().popen  # pyright: ignore[reportAttributeAccessIssue] - for good
        sys.modules.pop(self.module, None)
        runpy.run_module(self.module, run_name="__main__", alter_sys=True)


class ForkServer:
    """The side of whoever starts programs. One per process: its children are this process's children."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._one_at_a_time = threading.Lock()

    @classmethod
    def started(cls) -> "ForkServer":
        """A fresh interpreter, which imports everything meanwhile. As root, one to which the user has access that
        programs of `makima up` run as: they import the rest as him.
        """
        python = interpreter(account())
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            command = [str(python.path), "-m", "tests.forked_processes", str(its.fileno())]
            env = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX.upper())}
            subprocess.Popen(
                command,
                pass_fds=[its.fileno()],
                cwd=Path(__file__).parents[1],
                env={**env, **python.env, "PYTHONUNBUFFERED": "1"},
            )
        return cls(ours)

    @classmethod
    def of_this_process(cls) -> "ForkServer":
        """This process, forked before it has done anything."""
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            ours.close()
            serve(its)
            sys.exit()  # a forked program has run
        its.close()
        return cls(ours)

    def fork(self, program: Program, streams: Sequence[int]) -> int:
        """The pid of the program, which is our child."""
        with self._one_at_a_time:
            _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            try:
                socket.send_fds(self._control, [pickle.dumps(program)], streams)
                return int(self._control.recv(100))
            finally:
                _libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)

    @property
    def popen(self) -> type[subprocess.Popen[bytes]]:
        """What replaces `subprocess.Popen`, and forks our programs."""
        server = self

        class Popen(subprocess.Popen[bytes]):
            def _execute_child(self, args: Sequence[str], *how: Any) -> None:
                if not _is_ours(args):
                    super()._execute_child(args, *how)  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]
                    return
                cwd, env, pipes, own_session = how[4], how[5], how[9:15], how[20]
                program = Program(
                    args[2],
                    args[3:],
                    str(cwd or Path.cwd()),
                    dict(env or os.environ),
                    own_session,
                    os.getpid(),
                    how[18],
                    how[16],
                )
                streams = [
                    pipe if pipe != -1 else number
                    for number, pipe in enumerate((pipes[0], pipes[3], pipes[5]))
                ]
                try:
                    self.pid = server.fork(program, streams)
                    self._child_created = True
                finally:
                    self._close_pipe_fds(*pipes)  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]

        return Popen


def _is_ours(args: Sequence[str]) -> bool:
    """Also of another Python: as root, `makima up` runs its programs with one that their user has access to."""
    return (
        len(args) > 2
        and Path(args[0]).name.startswith("python")
        and args[1] == "-m"
        and args[2].startswith(PREFIX)
    )


def serve(control: socket.socket) -> None:
    """Forks what it is asked for until nobody can ask any more. Returns only in the forked programs, once
    they have run.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _libc.prctl(PR_SET_NAME, b"fork server", 0, 0, 0)
    while True:
        request, streams, _, _ = socket.recv_fds(control, LARGEST_REQUEST, 3)
        if not request:
            os._exit(0)
        program: Program = pickle.loads(request)
        orphaned, its_pid = os.pipe(), os.pipe()
        between = os.fork()
        if between == 0:
            if (pid := os.fork()) != 0:
                os.write(its_pid[1], str(pid).encode())
                os._exit(0)
            control.close()
            os.close(orphaned[1])
            os.read(orphaned[0], 1)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            for fd in (*streams, orphaned[0], *its_pid):
                os.close(fd)
            program.run()
            return
        os.waitpid(between, 0)
        control.send(os.read(its_pid[0], 100))
        for fd in (*streams, *orphaned, *its_pid):
            os.close(fd)


def import_everything() -> None:
    for library in LIBRARIES:
        package = import_module(library)
        for module in pkgutil.walk_packages(package.__path__, f"{library}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    for name in (*(f"{service.package}.app" for service in installed_services()), *LATE_IMPORTS):
        import_module(name)
    gc.collect()
    gc.freeze()
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "what is imported must start no thread"


@cache
def _of_this_session() -> ForkServer:
    return ForkServer.started()


@contextmanager
def forked_programs() -> Generator[None]:
    """Inside this block our programs are forked instead of started cold, and so are the programs that those
    start.
    """
    if sys.platform != "linux":
        yield
        return
    before = subprocess.Popen
    subprocess.Popen = _of_this_session().popen  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        subprocess.Popen = before


if __name__ == "__main__":
    from tests import forked_processes  # under the name that requests are pickled with

    forked_processes.import_everything()
    forked_processes.serve(socket.socket(fileno=int(sys.argv[1])))

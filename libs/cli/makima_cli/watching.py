"""Printing a list once, or again and again (`--watch`)."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import click
from makima_sdk.http import Http

from makima_cli import exits
from makima_cli.readable import COLOURLESS
from makima_cli.session import FOLLOWING_RETRY_SECONDS, Session

R = TypeVar("R")
REFRESH_SECONDS = 2.0
WATCH = click.option("--watch", is_flag=True, help="Print it again every two seconds, until Ctrl-C.")


def print_again_and_again(show: Callable[[], None], *, as_json: bool) -> NoReturn:
    """Print what needs no server each two seconds, until Ctrl-C, which ends the process with 130."""
    try:
        while True:
            _clear(as_json=as_json)
            show()
            sys.stdout.flush()
            time.sleep(REFRESH_SECONDS)
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)


def print_once_or_watch(
    session: Session, fetch: Callable[[Http], Awaitable[R]], show: Callable[[R], None], *, watch: bool
) -> None:
    """Print what `fetch` returns; with `watch`, until Ctrl-C, also over restarts of the gateway once it answered.

    With JSON, each time one value on a line of its own.
    """
    if not watch:
        show(session.run(fetch))
        return

    async def repeated(http: Http) -> None:
        while True:
            found = await fetch(http)
            http.retry_for = FOLLOWING_RETRY_SECONDS
            _clear(as_json=session.as_json)
            show(found)
            await asyncio.sleep(REFRESH_SECONDS)

    session.run(repeated)


def _clear(*, as_json: bool) -> None:
    if not as_json and os.environ.get("TERM", "") not in COLOURLESS:
        click.clear()  # does nothing if stdout is no terminal

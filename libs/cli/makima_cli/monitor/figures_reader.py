"""Reads the state of the system while its pane is open, and the last hour's figures where there is room for them."""

from typing import Final

from makima_sdk.http import Http
from makima_sdk.problems import ProblemError
from makima_sdk.system import System

from makima_cli.monitor.model import Pane
from makima_cli.monitor.screen import WIDE
from makima_cli.monitor.state import MonitorState
from makima_cli.monitor.system_pane import MAX_LETTERS
from makima_cli.monitor.vital_signs import NAMES

SYSTEM_SECONDS: Final = 3.0
SERIES_SECONDS: Final = 10.0
UNKNOWN_SECONDS: Final = 300.0  # until a server that has no figures is asked again
SERIES: Final[dict[str, str | int | bool]] = {"names": ",".join(NAMES), "minutes": 60}


class FiguresReader:
    def __init__(self, http: Http, state: MonitorState) -> None:
        self._http = http
        self._state = state
        self._system_due = self._series_due = 0.0  # in seconds of the loop's clock

    async def read_due(self, now: float) -> None:
        """Raises what `Http.send` raises, but for what this server or caller has not."""
        state = self._state
        if state.pane is Pane.SYSTEM and now >= self._system_due:
            self._system_due = now + SYSTEM_SECONDS
            try:
                system = System(self._http)
                state.system, state.system_refused = await system.show(), ""
                state.dead_letters = (await system.dead_letters({"limit": MAX_LETTERS})).items
            except ProblemError as error:
                if error.status >= 500:
                    raise
                state.dead_letters = None
                state.system, state.system_refused = None, f"Refused: {error.detail} [{error.code}]"
        if state.width >= WIDE and now >= self._series_due:
            self._series_due = now + SERIES_SECONDS
            try:
                state.series = (await self._http.send("GET", "/system/series", query=SERIES)).body
            except ProblemError as error:
                if error.status >= 500:
                    raise
                state.series, self._series_due = None, now + UNKNOWN_SECONDS

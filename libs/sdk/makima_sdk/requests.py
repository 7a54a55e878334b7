"""Requests in the name of an agent: repeated while makima is away, and never sent once the agent is lost."""

import asyncio
from collections.abc import Mapping
from typing import Final
from uuid import uuid4

from makima_sdk.http import Answer, Http, Json, Query
from makima_sdk.problems import ProblemError, UnreachableError
from makima_sdk.session import Session

RETRY_EVERY_SECONDS: Final = 1.0
MAX_REJOINS: Final = 3  # for one request: more mean that something else takes the connection out of force


class Requests:
    """Sends the requests of one session. They raise `AgentLostError` once it is lost, and otherwise `ProblemError`
    for a refusal.
    """

    def __init__(self, http: Http, session: Session) -> None:
        self._http = http
        self._session = session

    async def send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Query | None = None,
        expected_version: int | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Send it until it is answered, or the agent is lost. `REJOIN_REQUIRED` is obeyed, then it is repeated."""
        rejoins, must_rejoin = 0, False
        same_key = key or str(uuid4())
        while True:
            self._session.raise_if_lost()
            try:
                if must_rejoin:
                    await self._session.rejoin_required()
                    must_rejoin = False
                return await self._http.send(
                    method,
                    path,
                    body,
                    query=query,
                    expected_version=expected_version,
                    key=same_key,
                    headers=headers,
                    timeout=timeout,
                    retry_for=RETRY_EVERY_SECONDS,
                )
            except UnreachableError:
                await asyncio.sleep(RETRY_EVERY_SECONDS)
            except ProblemError as problem:
                if problem.code == "REJOIN_REQUIRED" and rejoins < MAX_REJOINS:
                    rejoins, must_rejoin = rejoins + 1, True
                    continue
                self._check(problem)
                await asyncio.sleep(RETRY_EVERY_SECONDS)

    def _check(self, problem: ProblemError) -> None:
        """Return if the request may succeed later. Raises the problem otherwise, and `SupersededError` for that."""
        if problem.code == "SUPERSEDED":
            self._session.superseded()
            raise self._session.error() from problem
        if not self._session.is_passing(problem):
            raise problem

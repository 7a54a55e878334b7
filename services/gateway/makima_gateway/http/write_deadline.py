"""Disconnects a client that does not read what waits for it."""

import asyncio

from makima_kernel.telemetry import metrics


class WriteDeadline(asyncio.Protocol):
    """A protocol that drops its connection if the client takes longer than `write_timeout_seconds` to read."""

    write_timeout_seconds: float
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _write_timer: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_write_timer()

    def resume_writing(self) -> None:
        self._end_write_timer()
        super().resume_writing()

    def _end_unread(self) -> None:
        """The transport is closing: it waits for the client to read the rest, but not for ever."""
        if self.transport.get_write_buffer_size():
            self._start_write_timer()

    def _start_write_timer(self) -> None:
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.write_timeout_seconds, self._not_read)

    def _end_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _not_read(self) -> None:
        self._write_timer = None
        metrics.http_cut.labels("write").inc()
        self.transport.abort()

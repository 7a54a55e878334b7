"""The projection needs no thread: whatever keeps the process's thread pool busy holds up nobody."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
from makima_gateway.http.responses import READ_BEHIND


async def test_a_busy_thread_pool_holds_up_no_projection(http: httpx.AsyncClient) -> None:
    loop, free = asyncio.get_running_loop(), threading.Event()
    with ThreadPoolExecutor(max_workers=1) as only_thread:
        loop.set_default_executor(only_thread)
        busy = loop.run_in_executor(None, free.wait)
        try:
            answer = await http.post("/contracts", json={"name": "a contract"})
        finally:
            free.set()
            await busy
    assert answer.status_code == 201
    assert READ_BEHIND not in answer.headers, "the read model has it"

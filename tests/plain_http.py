"""Clients for HTTP without TLS: to load certificates, which nobody then looks at, takes 24 ms of processor each."""

import ssl
from typing import Any

import httpx


def plain_client(**options: Any) -> httpx.AsyncClient:
    """`options` are those of `httpx.AsyncClient`."""
    return httpx.AsyncClient(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), **options)

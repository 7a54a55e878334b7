"""The examples of docs/api.md, run one after the other as a reader would, print what the page says they
print.
"""

import os
from pathlib import Path

from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_supervisor_heartbeat import app as heartbeats

from tests.page_examples import needs_shell, print_what_the_page_says
from tests.services.gateway.harness import ADMIN, Gateways


@needs_shell
async def test_the_examples_print_what_the_page_says(
    gateways: Gateways, settings: Settings, tmp_path: Path
) -> None:
    env = {
        **os.environ,
        "MAKIMA_URL": str(gateways.clients[0].base_url).removesuffix("/api/v1/"),
        "MAKIMA_TOKEN": ADMIN,
        "MAKIMA_NATS_URL": settings.nats_url,
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    async with Service.running(heartbeats.NAME, settings, heartbeats.build):  # which owns agents
        await print_what_the_page_says("api.md", env, tmp_path)

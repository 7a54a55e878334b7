"""`python -m makima_gateway`: one replica, until SIGTERM."""

import gc

from makima_kernel.service.runtime import run
from makima_kernel.service.settings import Settings, load

from makima_gateway.app import NAME, build

if __name__ == "__main__":
    gc.collect()
    gc.freeze()  # a full collection stops thousands of sockets for a second, if it goes through what was imported for good, too
    run(NAME, load(Settings), build)

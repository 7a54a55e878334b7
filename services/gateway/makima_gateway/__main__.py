"""`python -m makima_gateway` runs one replica of the gateway until SIGTERM."""

import gc

from makima_kernel.service.runtime import run
from makima_kernel.service.settings import Settings, load

from makima_gateway.app import NAME, build

if __name__ == "__main__":
    # A full collection pauses thousands of sockets for a second if it also traverses the imported modules,
    # which live as long as the process. Exclude them.
    gc.collect()
    gc.freeze()
    run(NAME, load(Settings), build)

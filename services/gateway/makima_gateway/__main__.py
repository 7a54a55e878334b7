"""`python -m makima_gateway` runs one replica of the gateway until SIGTERM."""

from makima_kernel.service.process import run

from makima_gateway.app import NAME, build

if __name__ == "__main__":
    run(NAME, build)

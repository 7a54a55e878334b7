"""`python -m makima_contract`: runs one replica until SIGTERM."""

from makima_kernel.service.process import run

from makima_contract.app import NAME, build

if __name__ == "__main__":
    run(NAME, build)

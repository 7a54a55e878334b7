"""`python -m makima_stale_detector`: one replica, until SIGTERM."""

from makima_kernel.service.process import run

from makima_stale_detector.app import NAME, build

if __name__ == "__main__":
    run(NAME, build)

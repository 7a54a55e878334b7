"""`python -m makima_completion_detector`: runs one replica until SIGTERM."""

from makima_kernel.service.process import run

from makima_completion_detector.app import NAME, build

if __name__ == "__main__":
    run(NAME, build)

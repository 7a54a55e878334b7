"""`python -m makima_supervisor_heartbeat`: one replica, until SIGTERM."""

from makima_kernel.service.process import run

from makima_supervisor_heartbeat.app import NAME, build

if __name__ == "__main__":
    run(NAME, build)

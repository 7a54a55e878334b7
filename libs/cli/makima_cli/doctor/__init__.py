"""`makima doctor`: checks every part of the system, and says what to do about what it found."""

from makima_cli.doctor.command import doctor as doctor

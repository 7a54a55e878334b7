"""The daemon that runs agents on a machine: `makima daemon start`."""

"""The detector's loops: read heartbeats, send canaries, follow the log, submit verdicts, record
`SilenceDetected`.
"""

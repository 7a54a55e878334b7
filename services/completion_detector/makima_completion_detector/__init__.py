"""The completion-detector: notices that a phase or a contract is done, and sends the command for the next
step once.
"""

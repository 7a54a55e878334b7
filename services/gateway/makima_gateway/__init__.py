"""The gateway serves HTTP and WebSocket: it sends commands to services and answers from its read model.

It changes nothing itself: it appends no event and holds no lifecycle; it may interpret the read model.
"""

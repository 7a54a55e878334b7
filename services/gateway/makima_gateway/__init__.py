"""The gateway serves HTTP and WebSocket: it sends commands to the owning services and answers from its read
model.

It changes nothing itself: it appends no event and holds no lifecycle; it may interpret what the read model
shows.
"""

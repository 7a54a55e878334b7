"""The rules about contracts; pure."""

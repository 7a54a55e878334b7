"""The dashboard: its queries and its response."""

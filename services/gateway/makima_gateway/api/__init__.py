"""The HTTP API: its routes, their request and response schemas, and its OpenAPI document."""

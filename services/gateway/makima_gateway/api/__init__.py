"""The HTTP API: routes, what they take and answer, and its OpenAPI document."""

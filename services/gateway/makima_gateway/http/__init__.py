"""What any HTTP API of ours stands on: server, middleware, problems, responses, pages."""

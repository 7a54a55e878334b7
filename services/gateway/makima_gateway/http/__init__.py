"""HTTP infrastructure that knows no route: server, middleware, problem documents, responses, pagination."""

"""The routes: one file per idea; each is one command to its owner or one question to the read model."""

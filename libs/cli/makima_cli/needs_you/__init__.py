"""`makima needs-you`: everything that waits for a person, and answering it in place."""

"""Diagnosis of a contract: facts from the read model and the log, and the rules that judge them."""

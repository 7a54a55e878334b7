"""Diagnosis of a contract: facts gathered from the read model and the log, and a table of rules that judge
them.
"""

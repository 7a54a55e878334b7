"""Authentication and authorization: tokens, the policy table, the principal of a request,
the broker's users.
"""

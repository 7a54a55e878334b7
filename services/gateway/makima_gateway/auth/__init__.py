"""Authentication and authorization: tokens, the policy table, principals, the broker's users."""

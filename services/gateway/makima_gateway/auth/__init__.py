"""Who may do what: tokens, the policy table, the principal of a request, the users of the broker."""

"""How a contract is, and why: facts, and a table of rules over them."""

"""The only one with clocks: says who is silent and what is stale, with proof, once."""

"""The contract service: the only writer of the event streams `contract-<contract_id>`."""

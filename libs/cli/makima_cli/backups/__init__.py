"""`makima backup` and `makima restore`: the database of a system that `makima up` runs, as one file."""

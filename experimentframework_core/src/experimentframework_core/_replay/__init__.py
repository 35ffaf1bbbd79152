"""Events out of one backplane and into others: read, changed perhaps, delivered, remembered."""

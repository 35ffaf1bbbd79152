"""Events back from the table."""

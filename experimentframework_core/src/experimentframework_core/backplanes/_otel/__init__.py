"""How events become spans and log records, and how these leave the process."""

"""Events into the table, by the backplane and in transactions of an application."""

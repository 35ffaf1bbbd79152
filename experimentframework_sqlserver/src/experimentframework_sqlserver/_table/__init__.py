"""The table: its name, its versions, and what becomes of old rows."""

"""The place of the SQL Server backplane. It delivers nothing and registers no type yet."""

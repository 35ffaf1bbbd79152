"""SQLite for asyncio, and what its errors mean."""

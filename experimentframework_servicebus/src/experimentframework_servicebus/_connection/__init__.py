"""The client: how it is made and called, and what its errors mean."""

"""Events for a consumer, which says of each what becomes of it."""

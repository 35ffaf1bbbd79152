"""Whether one JSON Schema takes every document that another one takes, and where not."""

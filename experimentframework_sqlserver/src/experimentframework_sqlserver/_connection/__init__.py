"""Connections: how they are described, made, used and shared."""

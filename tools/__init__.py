"""Programs for who looks after the project. Each is run as ``python -m tools.NAME``."""

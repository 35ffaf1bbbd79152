"""Which files are read, and how they become one tree of sections."""

"""The backplanes that come with the core."""

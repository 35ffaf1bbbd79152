"""Real processes, killed and starved: what the disk buffer keeps. Runnable alone."""

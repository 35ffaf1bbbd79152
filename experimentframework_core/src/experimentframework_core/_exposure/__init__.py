"""Exposures: who is exposed, when it counts, what is a repeat, and to which plane it goes."""

"""Dead letters and where they are kept."""

"""Dead letters on their way back to their backplanes."""

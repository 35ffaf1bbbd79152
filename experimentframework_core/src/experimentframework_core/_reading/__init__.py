"""Events back out of a destination: which one, what can be read, and on after what cannot."""

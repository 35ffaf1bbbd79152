"""From a tree to values of the types: every problem noted, every good value converted."""

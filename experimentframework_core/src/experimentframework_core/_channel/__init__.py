"""One backplane's channel: its lanes, their tasks, and the book of fates."""

"""The pure rules of delivery: no clock, no task, no I/O; they say what to do."""

"""What an event passes before it is queued."""

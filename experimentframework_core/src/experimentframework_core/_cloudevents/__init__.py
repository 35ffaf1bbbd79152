"""What an event is as attributes and data of a CloudEvent, and what they are as headers."""

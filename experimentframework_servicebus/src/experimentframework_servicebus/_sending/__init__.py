"""Events to queues and topics, as messages in batches and sessions."""

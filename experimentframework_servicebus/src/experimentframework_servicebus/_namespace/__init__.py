"""The namespace, its queues, topics and subscriptions, as the options name them."""

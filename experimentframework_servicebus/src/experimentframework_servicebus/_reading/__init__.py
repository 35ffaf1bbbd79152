"""Events back from queues and subscriptions, which keep them."""

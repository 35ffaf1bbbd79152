"""A broker that speaks AMQP 1.0 as Azure Service Bus does, for the genuine client to talk to.

It is no Service Bus and does not say that it is one. It has queues, topics with subscriptions and
correlation filters, sessions, dead letters, expiry, scheduling and duplicate detection, as far as
the backplane and its tests use them. What it is good for are faults: lost acknowledgements, cut
connections, detached links, a full queue, silence, all when a test says so.

The wire format is proton's; what the service adds to it is written where it is used. Everything is
in memory: a broker that is to be away for a while is told to stop listening, not killed.

`tests.peers.amqp.peer` starts it in a process of its own.
"""

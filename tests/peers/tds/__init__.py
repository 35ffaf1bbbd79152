"""A server that speaks TDS 7.4, so that the genuine ODBC driver has somebody to talk to.

It is no SQL Server and does not say that it is one: it knows the statements that the backplane
uses, executes them on SQLite, and refuses all others. What it is good for are faults: errors by
number, cut connections, lost acknowledgements, statements that hang, all when a test says so.

The wire format is that of [MS-TDS], "Tabular Data Stream Protocol"; the numbers of its sections
stand where they are used. There is no TLS: connect with ``Encrypt=No``.

`tests.peers.tds.peer` starts it in a process of its own.
"""

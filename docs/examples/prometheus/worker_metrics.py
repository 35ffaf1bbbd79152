"""The metrics of each worker process on a port of its own: the first free one of a range."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from experimentframework_core import DataPlane
from experimentframework_core.metrics import PrometheusCollector

PORTS = range(9464, 9480)


@contextmanager
def worker_metrics(plane: DataPlane, ports: Iterable[int] = PORTS) -> Iterator[int]:
    """Serve the plane's metrics as long as the context is open; gives the port."""
    registry = CollectorRegistry()
    registry.register(PrometheusCollector(plane))
    for port in ports:
        try:
            server, thread = start_http_server(port, registry=registry)
        except OSError:  # another worker has it
            continue
        break
    else:
        raise OSError("no port of the range is free")
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

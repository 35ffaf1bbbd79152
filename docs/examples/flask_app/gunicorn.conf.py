"""What gunicorn does; the plane would be drained without `worker_exit`, too, a moment later."""

bind = "127.0.0.1:8000"
workers = 2
threads = 4
preload_app = True


def worker_exit(_server: object, _worker: object) -> None:
    """Drain the plane of a worker that ends."""
    from app import plane

    plane.close()

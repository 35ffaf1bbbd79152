"""The parts of a data plane: the way in, routes, acknowledgements, and what it tells."""

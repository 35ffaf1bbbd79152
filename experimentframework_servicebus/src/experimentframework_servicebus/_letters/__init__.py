"""The service's dead letters: looked at, sent again, removed."""

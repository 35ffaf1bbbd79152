"""Events into files: Parquet, NDJSON, CSV; complete or not there at all."""

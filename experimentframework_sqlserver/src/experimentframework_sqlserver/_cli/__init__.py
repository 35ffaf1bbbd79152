"""The commands `experimentframework sqlserver`."""

"""The language: every section as frozen Structs. Defaults live only here."""

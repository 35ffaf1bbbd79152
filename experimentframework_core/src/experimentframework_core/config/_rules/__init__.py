"""What no single type can say: rules between settings."""

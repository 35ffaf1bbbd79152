"""What is measured: the table of metrics, their values, and those who ask for them."""

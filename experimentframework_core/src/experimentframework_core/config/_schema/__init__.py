"""What is made from the types for editors and for the reference."""

"""The examples and their generated modules."""

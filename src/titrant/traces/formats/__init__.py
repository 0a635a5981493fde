"""What traces look like outside: JSON lines, hub data sets, conversations, and a table of schemas."""

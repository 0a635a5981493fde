"""Final answers of attempts, and whether they are right."""

"""What readings say: verdicts, several strategies together, and what would decide."""

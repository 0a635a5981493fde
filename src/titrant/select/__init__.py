"""Which traces to train on, and in which order: strategies and their rankings."""

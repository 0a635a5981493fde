"""Teacher forcing in one pass: what a `ScoreRequest` becomes, and the numbers that come of it."""

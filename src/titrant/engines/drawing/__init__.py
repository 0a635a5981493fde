"""Drawing continuations: how a batch is decoded, how a row chooses, and what ends it before its time."""

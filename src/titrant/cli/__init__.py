"""The command line: one small file per command, reached from `main.py` by name."""

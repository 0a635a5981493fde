"""Problems, traces and steps: formats in and out, answers and their verification, tables."""

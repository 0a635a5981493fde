"""The answer as plain data, its sentence, figures, one HTML page, cards and exports."""

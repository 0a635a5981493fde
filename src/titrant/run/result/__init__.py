"""From finished arms to the answer, its report and its subset."""

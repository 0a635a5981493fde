"""What the judge makes of the tables: numbers with intervals, plots, examples, outcomes."""

"""What models are asked: draws, own traces with interventions, and their information gain."""

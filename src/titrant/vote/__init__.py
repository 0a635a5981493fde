"""Voting over draws of one question: who wins, when to stop drawing, and what each rule would have cost."""

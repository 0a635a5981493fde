"""Faithfulness: do answers follow from the steps, or the steps from the answer?"""

AUDIT = "faithfulness"
"""The name of the audit."""

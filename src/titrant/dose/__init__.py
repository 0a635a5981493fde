"""The dose ladder: arms, readings, curve, end point, verdict, plan, calibration."""

"""Targets that come and go: look for them, and have the configuration taken up anew."""

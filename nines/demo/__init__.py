"""Nines with everything around it simulated: platforms that fail, vendors that listen."""

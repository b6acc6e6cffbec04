"""Hand-written stand-ins that several rooms' tests share."""

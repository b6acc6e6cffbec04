"""The first steps of a newcomer: look once, propose, save."""

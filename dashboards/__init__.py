"""Arrange what is known so that a person can read it at 3 a.m."""

"""Go out, look, write down what was seen; never judge."""

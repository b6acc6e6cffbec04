"""The configuration: from YAML files to values that make sense, or every mistake with its place."""

"""The front door and the frame: command line, configuration, wiring, storage, demo."""

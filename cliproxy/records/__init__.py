"""What is written down: application log, usage."""

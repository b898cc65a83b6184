"""The benchmark: this gateway's speed, beside that of the machine itself."""

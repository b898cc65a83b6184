"""The benchmark: how fast this gateway is on this machine, each figure beside what the machine itself can do."""

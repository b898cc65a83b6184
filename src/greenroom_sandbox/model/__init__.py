"""What exists in the simulator: records without behaviour and without I/O."""

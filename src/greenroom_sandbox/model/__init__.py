"""The records that both ATSs share, without behaviour and without I/O."""

"""The HTTP side that both ATSs share: reading requests, logging partners' calls, forms and the frame of pages."""

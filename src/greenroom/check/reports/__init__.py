"""Reports of a run: for a terminal, as JSON, as JUnit XML and as one page of HTML."""

"""The parts of a report: each module turns what is known of runs into blocks."""

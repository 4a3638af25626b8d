"""What a sweep has found: from its trials to the plain data of its report."""

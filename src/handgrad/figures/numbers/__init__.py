"""What figures show, computed: every result has a `caption` and a `table`, and knows nothing of drawing."""

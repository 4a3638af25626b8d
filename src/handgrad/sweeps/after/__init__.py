"""What is done with a sweep that is over: its test accuracy, its networks asked as one, its best on other data."""

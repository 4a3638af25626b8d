"""The laboratory in a browser: a small server that reads run folders, and a page that shows them while they grow.

The server itself loads no compiler and no NumPy. What needs them is done by one more process (`worker`), which is
started when it is first wanted, or by the commands of handgrad.
"""

"""The back-propagation equations of one network, printed and checked."""

"""The code systems, one module each. A new one: a module here, its tables, and a line in terminology/facade.py."""

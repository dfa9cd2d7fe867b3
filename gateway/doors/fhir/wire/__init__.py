"""How requests become values and answers become bytes: bodies, formats, headers, errors."""

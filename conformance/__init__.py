"""Black-box checks for partners: run against any node by its URL, importing nothing of the gateway."""

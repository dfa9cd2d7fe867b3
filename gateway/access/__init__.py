"""Who asks: evidence in a request becomes a Requester."""

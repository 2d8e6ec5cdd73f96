"""Who brings events to people: a courier beside the proxy, and the places it knows."""

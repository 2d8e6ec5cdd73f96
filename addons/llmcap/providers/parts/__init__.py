"""
What the formats of all providers are made of.

The shape of a provider and its endpoints, careful hands for what was sent and told, and rules that
several formats have in common. Requests and answers come in as bytes and JSON; records go out.
Never knows a vendor's name, but for tables of facts about vendors.
"""

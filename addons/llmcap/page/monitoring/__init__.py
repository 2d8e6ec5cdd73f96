"""
What watches over the metrics: alert rules as a file, and a dashboard for Grafana.

Nothing comes in; files go out. They name only metrics that there are, and never a client's value.
"""

"""What stops or eases spending before a cap does: thresholds, breakers, forecasts."""

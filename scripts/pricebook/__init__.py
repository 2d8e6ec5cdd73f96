"""The generator of the price book, behind `scripts/update_prices`."""

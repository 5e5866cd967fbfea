"""Figures: functions that take results and return a matplotlib Figure. The only place that imports matplotlib."""

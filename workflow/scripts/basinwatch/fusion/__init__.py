"""Tracks put together: common dates, levelling in space, east and up, movement down the slope."""

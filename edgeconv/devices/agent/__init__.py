"""The agent that runs sessions on a device, and what brings it there."""

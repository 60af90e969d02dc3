"""Where sessions run and how to talk to them: this machine so far."""

"""The command as a process: signals, streams, engines that crash, reports of faults."""

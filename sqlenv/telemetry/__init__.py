"""What a server tells of itself: metrics, traces, logs."""

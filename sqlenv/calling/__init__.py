"""What both clients share: channels, retries, streams, batches. `sqlenv.client` and `sqlenv.aio` are the doors."""

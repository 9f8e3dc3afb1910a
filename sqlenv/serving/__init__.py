"""What `sqlenv.server` puts around a service: who may call, whose turn it is, what leaves the process."""

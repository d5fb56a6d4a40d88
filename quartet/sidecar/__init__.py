"""What a service asks of its Dapr sidecar, behind small Protocols; workflows live in durable."""

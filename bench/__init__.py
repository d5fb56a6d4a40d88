"""Speed and size of the suite on real Dapr, beside a bare Dapr task; measures, asserts nothing."""

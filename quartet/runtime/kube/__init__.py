"""What runs inside a Kubernetes cluster beside the services: keys made, resources waited for."""

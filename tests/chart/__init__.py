"""What can be said of the chart without a cluster: rendered, validated, refused."""

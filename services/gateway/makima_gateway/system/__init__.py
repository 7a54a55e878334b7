"""What runs the installation looks at: replicas of all services, dead letters, maintenance."""

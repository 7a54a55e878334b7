"""Read models: subscribe, project, rebuild."""

"""The service in containers, on whatever engine DOCKER_HOST names; see `make test-containers`."""

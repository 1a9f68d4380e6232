"""Tests of what scores and verifies models."""

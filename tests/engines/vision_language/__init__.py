"""Tests of the vision-language engines."""

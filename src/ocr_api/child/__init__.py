"""What runs inside children: started by name as fresh interpreters, imported by nobody else."""

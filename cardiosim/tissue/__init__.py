"""What couples nodes: meshes, regions, diffusion operators, stimuli."""

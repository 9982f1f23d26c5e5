"""The demonstration: programs that run in an environment of their own, with the real kfp client and without penstock."""

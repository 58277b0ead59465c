"""irad's main job on real data: a predator-prey model fitted to the pelt counts of the Hudson's Bay Company."""

"""What may leave: policies as data, small cells, complementary suppression; the one choke point."""

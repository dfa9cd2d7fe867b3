"""What a search is: grammar of its values, parameters, controls, the question it means, the parts it wants."""

"""A task's way to the execution API, over one connection with as little code as that takes."""

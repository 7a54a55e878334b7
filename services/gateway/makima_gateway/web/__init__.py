"""The web page: its built files, and the addresses under which a browser gets them."""

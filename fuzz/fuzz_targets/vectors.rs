#![no_main]

blendfuse_fuzz::target!(read_vectors);

//! The root file system of the image, and the program in it.

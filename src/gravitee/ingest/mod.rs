//! APIs on their way to the server: in chunks, one after the other.

mod chunks;

pub use chunks::{Chunk, Chunks, Sizes};

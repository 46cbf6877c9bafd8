package asymml.trusted.network;

import asymml.trusted.ops.Op;

/// An operation and the node it is for.
///
/// @param node its number
/// @param op computes it
/// @param backward whether it has a backward pass: false for what is a fixed function of the image
record Planned<T extends Op>(int node, T op, boolean backward) {}

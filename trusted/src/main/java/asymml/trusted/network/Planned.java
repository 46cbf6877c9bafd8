package asymml.trusted.network;

import asymml.trusted.ops.Op;

/// An operation and the node it is for.
///
/// @param node its number
/// @param op computes it
record Planned<T extends Op>(int node, T op) {}

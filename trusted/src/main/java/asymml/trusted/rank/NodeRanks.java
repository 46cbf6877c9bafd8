package asymml.trusted.rank;

/// The bound at a node that is not linear in the sense of a plan, for the exact low-rank part of
/// what it reads.
///
/// @param layer its name
/// @param bound which one: `affine: r + 1`, `average: r`, `addition: r1 + r2`
/// @param rank the largest numerical rank of its output
/// @param limit what the bound allows
/// @param slack the least of limit less rank over the examples; below 0 the bound is violated
public record NodeRanks(String layer, String bound, int rank, int limit, int slack) {}

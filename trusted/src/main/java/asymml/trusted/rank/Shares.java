package asymml.trusted.rank;

/// The residual energy, as a share of `|X|^2`, of a decomposition of some rank.
///
/// PRIVATE: statistics of private data.
///
/// @param rank at least 0
/// @param perExample by the light SVD of each example, over the examples that are decomposed
///   exactly
/// @param perExampleOptimum by exact SVD of the same examples
/// @param shared by one basis and mean freshly fitted to the whole batch, over the batch
/// @param sharedOptimum by the exact principal components of the batch about its mean
public record Shares(
    int rank, double perExample, double perExampleOptimum, double shared, double sharedOptimum) {}

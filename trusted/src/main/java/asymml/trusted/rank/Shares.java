package asymml.trusted.rank;

/// The share of the energy `|X|^2` that a decomposition of some rank leaves in the residual.
///
/// PRIVATE: statistics of private data.
///
/// @param rank directions kept, at least 0
/// @param perExample by the light SVD of each example, over the examples that are decomposed
///   exactly
/// @param perExampleOptimum by exact SVD of the same examples
/// @param shared by one basis and mean freshly fitted to the whole batch, over the batch
/// @param sharedOptimum by the exact principal components of the batch about its mean
public record Shares(
    int rank, double perExample, double perExampleOptimum, double shared, double sharedOptimum) {}

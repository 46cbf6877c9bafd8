package asymml.trusted.data;

/// The test split of a data set, opened without its training split.
///
/// @param name what was opened, for reports: a file name or `generated:SEED`
/// @param images of the shape and classes of the model that is tested
public record TestSet(String name, ImageSet images) {}

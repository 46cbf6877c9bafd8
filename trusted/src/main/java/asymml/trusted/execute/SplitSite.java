package asymml.trusted.execute;

import asymml.trusted.boundary.ClipBound;
import asymml.trusted.decompose.Decomposer;
import org.jspecify.annotations.Nullable;

/// What lasts from step to step at one place where data leave, for all batch sizes.
///
/// @param decomposer splits the input, or null if nothing is kept
/// @param bound the clip bound of one example's residual
record SplitSite(@Nullable Decomposer decomposer, ClipBound bound) {}

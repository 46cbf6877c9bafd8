/// Passes over a network that read its layers' activations: of public images for bases and bounds,
/// and of a batch for the norms of residuals and for analysis. Trust level: TRUSTED.
@NullMarked
package asymml.trusted.passes;

import org.jspecify.annotations.NullMarked;

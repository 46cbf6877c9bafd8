/// Training: the loop that runs the network over the data, and what steers it. Trust level:
/// TRUSTED; sees data, labels, activations and gradients.
@NullMarked
package asymml.trusted.train;

import org.jspecify.annotations.NullMarked;

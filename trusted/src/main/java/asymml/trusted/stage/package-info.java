/// Sums of gradients over a part of a batch, for training on several trusted machines. PRIVATE.
@NullMarked
package asymml.trusted.stage;

import org.jspecify.annotations.NullMarked;

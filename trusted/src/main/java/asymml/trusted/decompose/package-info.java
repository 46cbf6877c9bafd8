/// Asymmetric decomposition of a linear layer's input into a low-rank part that stays and a
/// residual that is released. Trust level: TRUSTED. It sees activations in clear; nothing here
/// sends anything.
@NullMarked
package asymml.trusted.decompose;

import org.jspecify.annotations.NullMarked;

/// How low the rank of activations and gradients is, layer by layer, and whether the bounds of the
/// theory hold. Trust level: TRUSTED, and a dead end: it reads private activations, it has no way
/// to the worker, and nothing that is released depends on its results.
@NullMarked
package asymml.trusted.rank;

import org.jspecify.annotations.NullMarked;

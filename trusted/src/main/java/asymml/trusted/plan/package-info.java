/// What runs where, and what may be released: plans, ranks, shields and the releases that follow
/// from them, as data. Trust level: TRUSTED. It sees no activations.
@NullMarked
package asymml.trusted.plan;

import org.jspecify.annotations.NullMarked;

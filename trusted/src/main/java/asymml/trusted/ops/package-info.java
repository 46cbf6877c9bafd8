/// The operations computed on the trusted side, and the parameters they compute with. Trust level:
/// TRUSTED.
@NullMarked
package asymml.trusted.ops;

import org.jspecify.annotations.NullMarked;
